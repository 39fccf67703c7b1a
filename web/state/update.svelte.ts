/** Whether a newer version waits, and how to take it. */
export class Update {
  ready = $state(false)
  readonly apply: () => void

  constructor(apply: () => void) {
    this.apply = apply
  }
}

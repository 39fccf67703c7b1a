// Loaded before everything else, this makes a Node process believe that it is five hours later than it is.
const AHEAD = 5 * 3600 * 1000
const RealDate = Date

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + AHEAD)
    else super(...args)
  }

  static now() {
    return RealDate.now() + AHEAD
  }
}

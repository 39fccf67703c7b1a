import { describe, expect, it } from 'vitest'
import { bytesText, copiesText, explain, heldText, hostingNote, hostingProblemText, keepText, keptText, leftText, lossText, noSpaceText, noteText, roomText, savedText, statusText, strengthText, syncText } from './words.ts'

describe('the words on the page', () => {
  it('say each state of a file the way automation and screen readers expect', () => {
    expect(statusText({ kind: 'waiting' })).toBe('Waiting for hosts')
    expect(statusText({ kind: 'storing', percent: 7 })).toBe('Storing 7%')
    expect(statusText({ kind: 'safe', survives: 6, hosts: 16 })).toBe('Safe · survives 6 of 16 hosts leaving')
    expect(statusText({ kind: 'stored' })).toBe('Stored · survives no host leaving')
    expect(statusText({ kind: 'damaged' })).toBe('Damaged')
    expect(statusText({ kind: 'elsewhere', device: 'Firefox on Windows' })).toBe('Added on Firefox on Windows')
    expect(statusText({ kind: 'elsewhere' })).toBe('Added on another device')
    const error = { kind: 'quota', code: 'storage.full', message: '', data: {} } as const
    expect(statusText({ kind: 'failed', error })).toBe('Failed: This device has no room left')
  })

  it('say what compressing and finding repeats saved, where it is worth saying', () => {
    expect(savedText({ read: 0, fresh: 0, compressed: 0 })).toBeUndefined()
    expect(savedText({ read: 1000, fresh: 1000, compressed: 1000 })).toBeUndefined()
    expect(savedText({ read: 1000, fresh: 1000, compressed: 660 })).toBe('34 % saved by compressing')
    expect(savedText({ read: 2000, fresh: 1000, compressed: 1000 })).toBe('50 % saved by finding repeats')
    expect(savedText({ read: 2000, fresh: 1000, compressed: 500 })).toBe('75 % saved by finding repeats and compressing')
  })

  it('say what is kept on this device, and how much room that takes', () => {
    expect(keptText({ percent: 100, chosen: true })).toBe('Kept on this device')
    expect(keptText({ percent: 7, chosen: false })).toBe('To be kept on this device: 7% is here')
    expect([0, 2 ** 28, 2 ** 30].map(roomText)).toEqual(['None', '256 MiB', '1 GiB'])
    expect(copiesText({ cached: 2048, kept: 0 })).toBe('2 KiB of copies here')
    expect(copiesText({ cached: 0, kept: 2048 })).toBe('0 bytes of copies here, and 2 KiB that you keep on this device')
  })

  it('explain an unknown code by its kind, and give a number where there is one', () => {
    expect(explain({ kind: 'transient', code: 'never.seen', message: '', data: {} }).what).toContain('did not answer')
    const few = explain({ kind: 'transient', code: 'chunk.too-few', message: '', data: { found: 7, needed: 10, total: 16 } })
    expect(few.what).toBe('Only 7 of 16 pieces were found; 10 are needed')
  })

  it.each([
    ...['storage.full', 'hosts.full', 'hosts.refuse', 'host.full', 'file.changed', 'file.unreadable', 'file.storing', 'file.absent', 'secret.unknown', 'list.damaged'],
    ...['link.damaged', 'link.gone', 'link.absent', 'link.unreachable', 'link.unpublished', 'link.ended', 'share.damaged', 'share.hosts', 'object.large'],
    ...['chunk.too-few', 'chunk.damaged', 'outbox.lost', 'shard.io', 'meta.failed', 'storage.failed', 'storage.refused', 'tab.waiting', 'leader.lost', 'leader.deposed', 'reader.only'],
    ...['coder.crashed', 'coder.busy', 'peer.crashed', 'kernel.unsupported', 'hosts.none', 'hosts.busy', 'host.resting', 'host.busy', 'host.stalled', 'peer.unreachable'],
    ...['download.lost', 'download.length', 'download.unasked', 'download.unready', 'download.unknown', 'clipboard.refused'],
    ...['account.unknown', 'account.closed', 'account.taken', 'account.signed-in', 'record.unreachable', 'locker.damaged', 'memory.short'],
    ...['password.weak', 'password.empty', 'password.long', 'password.characters', 'phrase.word', 'phrase.count', 'phrase.checksum', 'phrase.long', 'kit.words'],
    ...['name.empty', 'name.dots', 'name.slash', 'name.control', 'name.malformed', 'name.long', 'name.characters', 'name.taken', 'days.range'],
    ...['entry.absent', 'entry.trashed', 'entry.kind', 'move.cycle', 'version.absent', 'version.large', 'drive.damaged', 'drive.large', 'head.unreachable', 'head.damaged'],
    ...['format.magic', 'format.version', 'backup.damaged', 'relay.unreachable', 'relay.url', 'relay.too-many', 'relay.malformed', 'relay.version', 'hosting.space', 'vault.damaged', 'copies.full', 'copies.room', 'copies.closed'],
  ])('has words of its own for %s, which can reach the page', (code) => {
    const words = explain({ kind: 'bug', code, message: '', data: {} })
    expect(words.what).not.toBe('Shoal made a mistake')
    expect(words.means).toMatch(/[.]$/)
  })

  it('say sizes and times in units that people use', () => {
    expect([0, 1, 1023, 1024, 1536, 64 * 2 ** 20, 5 * 2 ** 40].map(bytesText)).toEqual([
      '0 bytes',
      '1 byte',
      '1023 bytes',
      '1 KiB',
      '1.5 KiB',
      '64 MiB',
      '5 TiB',
    ])
    expect([0.2, 59, 75, 3700].map(leftText)).toEqual(['1 s left', '59 s left', '1 min 15 s left', '1 h 1 min left'])
  })

  it('say what is held for others, and by how many it is reached', () => {
    expect(heldText({ used: 0, guests: 2 })).toBe('Holding nothing for others yet')
    expect(heldText({ used: 420 * 2 ** 20, guests: 3 })).toBe('Holding 420 MiB for others, 3 connected')
  })

  it('say what leaving the tab open does, and after switching off that promises are kept', () => {
    expect(hostingNote({ on: true })).toBe('Keep this tab open: others reach what you hold only while it is open.')
    expect(hostingNote({ on: false })).toBe(`Nothing new is taken. What was promised is still served. ${hostingNote({ on: true })}`)
  })

  it('blame the browser for too little space only when it has said how much it grants', () => {
    expect(noSpaceText(0)).not.toContain('too little')
    expect(noSpaceText(2 ** 29)).toContain('This browser grants too little space')
  })

  it('do not ask for files when it is hosting that went wrong', () => {
    const text = hostingProblemText({ kind: 'transient', code: 'shard.io', message: '', data: {} })
    expect(text).toMatch(/^The disk of this device failed[.] Others may not reach/)
    expect(text).not.toContain('Try again')
  })

  it('tell what each answer of the browser means for the data', () => {
    expect(keepText('unasked')).toContain('may clear')
    expect(keepText('kept')).toContain('stay, also when the disk runs short')
    expect(keepText('refused')).toMatch(/did not agree.*may clear.*Install Shoal as an app or bookmark it/)
  })

  it('name the word of a recovery phrase that is wrong, and how many there are', () => {
    expect(explain({ kind: 'invalid', code: 'phrase.word', message: '', data: { position: 7 } }).what).toMatch(/^Word 7 is not/)
    expect(explain({ kind: 'invalid', code: 'phrase.count', message: '', data: { count: 23 } }).what).toContain('these are 23')
  })

  it('do not call a name or password wrong when nobody could be asked', () => {
    const { what, means } = explain({ kind: 'transient', code: 'record.unreachable', message: '', data: {} })
    expect(`${what} ${means}`).not.toContain('wrong')
  })

  it('tell before signing out what would be lost', () => {
    expect(lossText(0)).toContain('nothing is lost')
    expect(lossText(1)).toMatch(/1 thing .*it is lost/)
    expect(lossText(3)).toMatch(/3 things .*they are lost/)
    expect(syncText({ synced: true, unsafe: 0 })).toBe('Everything of this device is with the hosts.')
    expect(syncText({ synced: false, unsafe: 2, keptUntil: 0 })).toMatch(/2 things .*kept until/)
  })

  it('say how hard a password is to guess, and why', () => {
    expect(strengthText({ score: 0, accepted: false, reason: 'It is a common one.' })).toBe('Very easy to guess: too weak. It is a common one.')
    expect(strengthText({ score: 4, accepted: true })).toBe('Very hard to guess.')
  })

  it('leave out a note that this version does not know', () => {
    expect(noteText({ code: 'from.the.future', data: {} })).toBeUndefined()
    expect(noteText({ code: 'host.damaged', data: { hosts: 1 } })).toContain('1 host gave back')
  })
})

import { describe, expect, it } from 'vitest'
import { scriptUrls } from './trusted.ts'

const location = { href: 'https://shoal.example/index.html', origin: 'https://shoal.example' }

describe('URLs of scripts', () => {
  it('pass through the policy named shoal, and only when they are of this origin', () => {
    const made: string[] = []
    const trustedTypes = {
      createPolicy(name: string, rules: { createScriptURL(url: string): string }) {
        made.push(name)
        return rules
      },
    }
    const script = scriptUrls({ location, trustedTypes })
    expect(made).toEqual(['shoal'])
    expect(script('/assets/x.js')).toBe('https://shoal.example/assets/x.js')
    expect(() => script('https://other.example/x.js')).toThrow(expect.objectContaining({ code: 'script.foreign' }))
  })

  it('are checked the same where the browser has no Trusted Types', () => {
    expect(() => scriptUrls({ location })('//other.example/x.js')).toThrow(expect.objectContaining({ code: 'script.foreign' }))
  })
})

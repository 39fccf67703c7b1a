import { readFileSync } from 'node:fs'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

/** Relays that a page tries beside its own server: URLs, comma-separated, set when building. */
const relays = (process.env['SHOAL_RELAYS'] ?? '')
  .split(',')
  .map((url) => url.trim())
  .filter((url) => url !== '')

/** The precache holds the shell and the workers: more than this in one file means that something slipped in. */
const MAX_PRECACHED_BYTES = 4 * 2 ** 20

export default defineConfig({
  define: {
    __SHOAL_RELAYS__: JSON.stringify(relays),
    __SHOAL_VERSION__: JSON.stringify(version),
  },
  build: {
    target: 'es2024',
    outDir: 'dist',
    // Inlined assets would be data: URLs, which the page's CSP refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  worker: { format: 'es' },
  plugins: [
    svelte(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'workers',
      filename: 'service-worker.ts',
      injectRegister: false,
      injectManifest: {
        globPatterns: ['**/*.{js,css,html,svg,png,woff2}'],
        // The dictionaries of the strength meter: only who makes an account, or changes a password, needs them, and needs hosts for that anyway.
        globIgnores: ['**/node_modules/**/*', '**/strength-*.js'],
        maximumFileSizeToCacheInBytes: MAX_PRECACHED_BYTES,
      },
      manifest: {
        id: '/',
        name: 'Shoal',
        short_name: 'Shoal',
        description: 'Storage that lives in open browser tabs',
        start_url: '/',
        scope: '/',
        display: 'standalone',
        background_color: '#f4f8fa',
        theme_color: '#0e6f8c',
        icons: [
          { src: '/icon.svg', sizes: 'any', type: 'image/svg+xml' },
          { src: '/icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: '/icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: '/icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
      },
    }),
  ],
})

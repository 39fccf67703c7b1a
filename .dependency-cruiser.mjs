// The rooms of the house and who may see whom. tsconfig files enforce the same in the large; these rules know the
// rooms inside core, packages, and what is reachable.

const TEST = '(\\.(test|e2e)\\.ts$|^(core|workers)/testkit/|^bench/|^e2e/)'
const NPM = (...names) => `node_modules/(${names.join('|')})(/|$)`
const LIBP2P = NPM(
  'libp2p',
  '@libp2p/[^/]+',
  '@chainsafe/[^/]+',
  '@multiformats/[^/]+',
  'multiformats',
  'ipns',
  'uint8arraylist',
  'uint8arrays',
  'interface-datastore',
  'datastore-[^/]+',
)

/** Rooms of core, ground floor first: a room imports only from earlier lines, and rooms on one line do not see each other. */
const FLOORS = [
  ['base'],
  ['ports'],
  ['formats'],
  ['chunker', 'seal', 'erasure', 'merkle', 'vault'],
  ['swarm', 'placement', 'account', 'drive'],
  ['flows'],
]

const coreFloors = FLOORS.flatMap((floor, level) =>
  floor.map((room) => ({
    name: `core-${room}`,
    comment: `core/${room} imports only from the floors below it: ${FLOORS.slice(0, level).flat().join(', ') || 'none'}.`,
    severity: 'error',
    from: { path: `^core/${room}/`, pathNot: TEST },
    to: { path: '^core/', pathNot: `^core/(${[...FLOORS.slice(0, level).flat(), room].join('|')})/` },
  })),
)

/** A room of production code and everything that it may import. */
const room = (name, ...allowed) => ({
  name: `room-${name}`,
  comment: `${name}/ imports only what design.md section 2 lets it.`,
  severity: 'error',
  from: { path: `^${name}/`, pathNot: TEST },
  to: { pathNot: [`^${name}/`, ...allowed] },
})

export default {
  forbidden: [
    { name: 'circular', comment: 'No cycles.', severity: 'error', from: {}, to: { circular: true } },
    { name: 'unresolvable', comment: 'Every import resolves.', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'undeclared-package',
      comment: 'Import only packages that package.json names.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'known-core-room',
      comment: 'A new room of core gets its floor in FLOORS first.',
      severity: 'error',
      from: { path: '^core/', pathNot: `^core/(${FLOORS.flat().join('|')}|testkit)/` },
      to: {},
    },
    ...coreFloors,
    room('core', NPM('@noble/[^/]+', '@hpcc-js/wasm-zstd', 'fzstd', '@scure/bip39', '@zxcvbn-ts/[^/]+', 'hash-wasm', 'yjs')),
    room('peer', '^core/', LIBP2P, NPM('@noble/[^/]+', 'classic-level', 'node-datachannel'), '^[a-z_/]+$'),
    room('relay', '^peer/', '^core/', '^[a-z_/]+$'),
    room('daemon', '^peer/', '^core/', NPM('classic-level'), '^[a-z_/]+$'),
    room('workers', '^peer/', '^core/', NPM('client-zip', 'comlink', 'idb', 'workbox-[^/]+')),
    // A page names a worker only by URL (`?worker&url`, which eslint.config.mjs insists on) and never links its code.
    room('web', '^workers/(contract[^/]*|page|[^/]+-worker)\\.ts$', '^core/base/', NPM('svelte', 'comlink')),
    {
      name: 'contract',
      comment: 'Contracts between realms stand on core/base and types alone, or the page would load the peer.',
      severity: 'error',
      from: { path: '^workers/contract[^/]*\\.ts$', pathNot: TEST },
      to: { pathNot: ['^workers/contract[^/]*\\.ts$', '^core/base/', NPM('comlink')] },
    },
    {
      name: 'page-is-thin',
      comment: 'What the page itself loads of workers/ is thin: types aside, no storage, no peer, no flows.',
      severity: 'error',
      from: { path: '^workers/(page|peer-guard|rtc/page-end|leader/(?!broker|beat)[^/]+)\\.ts$', pathNot: TEST },
      to: {
        pathNot: ['^workers/(contract[^/]*|errors|peer-guard|trusted|rtc/page-end|leader/[^/]+|[^/]+-worker)\\.ts$', '^core/base/', '^peer/system\\.ts$', NPM('comlink')],
        dependencyTypesNot: ['type-only', 'dynamic-import'],
      },
    },
    {
      name: 'only-peer-knows-libp2p',
      comment: 'libp2p moves; only peer/ moves with it.',
      severity: 'error',
      from: { pathNot: '^peer/' },
      to: { path: LIBP2P },
    },
    {
      name: 'relay-cannot-decrypt',
      comment: 'Decryption is not linkable into the relay: it may not even reach these rooms.',
      severity: 'error',
      from: { path: '^relay/', pathNot: TEST },
      to: { reachable: true, path: '^core/(seal|drive|account|flows)/' },
    },
    {
      name: 'relay-without-webrtc',
      comment: 'The relay never loads WebRTC: its native part would load with it.',
      severity: 'error',
      from: { path: '^relay/', pathNot: TEST },
      to: { reachable: true, path: NPM('@libp2p/webrtc', 'node-datachannel') },
    },
    {
      name: 'browser-without-node',
      comment: 'Nothing that a browser loads reaches a built-in of Node.',
      severity: 'error',
      from: { path: '^(web|workers)/', pathNot: TEST },
      to: { reachable: true, path: '^(node:)?(fs|path|os|net|tls|http|https|crypto|stream|dgram|child_process|worker_threads|process|url|util|events|buffer)(/|$)' },
    },
    {
      name: 'testkit-in-tests-only',
      comment: 'Fakes stay out of what people run.',
      severity: 'error',
      from: { path: '^(core|peer|relay|daemon|workers|web)/', pathNot: TEST },
      to: { path: ['^core/testkit/', '\\.test\\.ts$', '^(e2e|bench)/'] },
    },
    {
      name: 'strength-is-apart',
      comment: 'The dictionaries of the strength meter weigh 1.6 MB: the rest of the account does not load them.',
      severity: 'error',
      from: { path: '^core/account/', pathNot: ['^core/account/strength\\.ts$', TEST] },
      to: { path: ['^core/account/strength\\.ts$', NPM('@zxcvbn-ts/[^/]+')], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'start-is-plain',
      comment: 'start/ runs before anything is installed: built-ins only. (chromium.mjs asks Playwright after the install.)',
      severity: 'error',
      from: { path: '^start/', pathNot: [TEST, '^start/chromium\\.mjs$'] },
      to: { pathNot: ['^start/', '^[a-z_/]+$'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^core/[^/]+/assembly/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
    moduleSystems: ['es6'],
    cache: false,
  },
}

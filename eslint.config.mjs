import js from '@eslint/js'
import svelte from 'eslint-plugin-svelte'
import tsdoc from 'eslint-plugin-tsdoc'
import { defineConfig } from 'eslint/config'
import ts from 'typescript-eslint'
import svelteConfig from './svelte.config.js'

const rooms = '{core,peer,relay,daemon,workers,web}'
const tests = ['**/*.test.ts', '**/*.e2e.ts', 'core/testkit/**', 'e2e/**', 'bench/**']

/**
 * A rule may be switched off only with a reason: `// eslint-disable-next-line rule -- reason`.
 * @type {import('eslint').Rule.RuleModule}
 */
const reasoned = {
  meta: { type: 'problem', schema: [], messages: { bare: 'Say why: "eslint-disable-… rule -- reason".' } },
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        const bare = /^\s*eslint-disable/.test(comment.value) && !/ -- \S/.test(comment.value)
        if (bare && comment.loc) context.report({ loc: comment.loc, messageId: 'bare' })
      }
    },
  }),
}

const plainThrow = {
  selector: 'ThrowStatement > NewExpression[callee.name=/^(Error|TypeError|RangeError|DOMException)$/]',
  message: 'Throw an AppError (core/base/errors.ts): a code and a kind survive worker and wire.',
}
const moduleState = {
  selector: ':matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind="let"]',
  message: 'No mutable state in modules: make it at an entry point and pass it in.',
}

/** What core may not touch although the language has it: time and randomness are ports. */
const coreGlobals = [
  { name: 'Date', message: 'Time is passed in: the Clock port.' },
  { name: 'performance', message: 'Time is passed in: the Clock port.' },
  { name: 'setTimeout', message: 'Time is passed in: the Clock port.' },
  { name: 'setInterval', message: 'Time is passed in: the Clock port.' },
]
const coreProperties = [
  { object: 'Math', property: 'random', message: 'Randomness is passed in.' },
  { object: 'crypto', property: 'getRandomValues', message: 'Randomness is passed in.' },
]

export default defineConfig(
  {
    ignores: ['dist/', '.cache/', '.shoal/', '**/node_modules/', '**/*.gen.ts', 'core/*/assembly/', '**/*.d.ts'],
  },
  {
    extends: [js.configs.recommended],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { shoal: { rules: { reasoned } } },
    rules: {
      'shoal/reasoned': 'error',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', 50],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  { files: [...tests, 'start/**/*.test.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['**/*.ts', '**/*.svelte'],
    extends: [ts.configs.strictTypeChecked],
    plugins: { tsdoc },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname, extraFileExtensions: ['.svelte'] },
    },
    rules: {
      'no-undef': 'off',
      'tsdoc/syntax': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
      // With noUncheckedIndexedAccess, `bytes[i]!` inside a checked bound is how typed arrays are read.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // An async function turns a synchronous throw into a rejection, which is what a port promises.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: [`${rooms}/**/*.ts`, `${rooms}/**/*.svelte`],
    ignores: tests,
    rules: { 'no-restricted-syntax': ['error', plainThrow, moduleState] },
  },
  {
    // Component state is `let x = $state(...)`; a .svelte.ts module may not have any outside a class or function.
    files: ['web/**/*.svelte'],
    rules: { 'no-restricted-syntax': ['error', plainThrow] },
  },
  {
    files: ['core/**/*.ts'],
    ignores: tests,
    rules: { 'no-restricted-globals': ['error', ...coreGlobals], 'no-restricted-properties': ['error', ...coreProperties] },
  },
  {
    files: ['web/**/*.ts', 'web/**/*.svelte'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '-worker\\.ts(\\?(?!worker&url$).*)?$', message: 'A page takes a worker by URL: `…-worker.ts?worker&url`.' }] },
      ],
    },
  },
  { files: ['{relay,daemon,bench,e2e,start}/**'], rules: { 'no-console': 'off' } },
  {
    files: tests,
    rules: {
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    extends: [svelte.configs.recommended],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: { 'svelte/require-each-key': 'error', 'svelte/no-at-html-tags': 'error', 'tsdoc/syntax': 'off' },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly', Buffer: 'readonly', fetch: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly', setInterval: 'readonly', clearInterval: 'readonly', AbortController: 'readonly', AbortSignal: 'readonly' } },
  },
)

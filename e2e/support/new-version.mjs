// Loaded first by the relay: the page that it serves has a newer service worker, which is what makes a new version.
import { servedWith } from './served.mjs'

servedWith(/service-worker\.js$/, '// A newer version.\n')

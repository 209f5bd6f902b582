import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** What each page may weigh, gzipped, everything it loads included. */
const CEILINGS: Record<string, number> = { queue: 21 * 1024, account: 20 * 1024, console: 40 * 1024 };

/** Leaves a gzipped twin beside every asset, so that no server compresses the same bytes for each of a crowd. */
function gzipTwins(folder: string): void {
  const assets = join(folder, 'assets');
  for (const name of readdirSync(assets)) {
    if (!name.endsWith('.gz')) {
      writeFileSync(join(assets, `${name}.gz`), gzipSync(readFileSync(join(assets, name)), { level: 9 }));
    }
  }
}

/** Weighs the page with all it loads, and fails the build above its ceiling. */
function weighed(page: string): Plugin {
  let folder = '';
  return {
    name: 'weighed',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir;
    },
    writeBundle(_options, bundle) {
      let total = 0;
      for (const part of Object.values(bundle)) {
        total += gzipSync(part.type === 'chunk' ? part.code : part.source, { level: 9 }).length;
      }
      const ceiling = CEILINGS[page] ?? 0;
      if (total > ceiling) {
        throw new Error(`the ${page} page weighs ${total} bytes gzipped; at most ${ceiling} are allowed`);
      }
      gzipTwins(folder);
      this.info(`the ${page} page weighs ${total} of ${ceiling} bytes gzipped`);
    },
  };
}

// Each page is built on its own, so that it is one script and one sheet: the fewest requests when a crowd arrives.
export default defineConfig(({ mode }) => ({
  plugins: [weighed(mode)],
  build: {
    target: 'es2022',
    emptyOutDir: mode === 'queue',
    // A data: URL would break the content security policy, and the preload polyfill serves browsers that cannot run the page.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: `${mode}.html`, output: { entryFileNames: `assets/${mode}-[hash].js` } },
  },
  test: { include: ['src/**/*.test.ts'] },
}));

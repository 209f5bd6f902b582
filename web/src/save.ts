/** Hands files to the browser's downloads. */

import { h } from './element';

/** How long the browser may take to begin. */
const PATIENCE_MS = 10_000;

export function save(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), PATIENCE_MS);
}

/** A code as it is written on a page: where a line is too short for it, it goes on after a hyphen. */

import { h } from './element';

export function codeText(code: string): Node[] {
  return code.split(/(?<=-)/).flatMap((part, i) => (i === 0 ? [new Text(part)] : [h('wbr'), new Text(part)]));
}

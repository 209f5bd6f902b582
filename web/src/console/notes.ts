/** What an action came to, beside it: told to screen readers, and in nobody's way. */

import { h } from '../element';

export interface Notes {
  said: HTMLElement;
  error: HTMLElement;
}

export function notes(): Notes {
  return { said: h('p', { class: 'said', role: 'status' }), error: h('p', { class: 'error', role: 'alert' }) };
}

/** The way to a book or a pool: by its id, or one that this browser opened before. */

import { h } from '../element';

const MOST = 20;

function remembered(room: string): string[] {
  try {
    const held: unknown = JSON.parse(localStorage.getItem(`stanchion-${room}`) ?? '[]');
    return Array.isArray(held) ? held.map(String) : [];
  } catch {
    return [];
  }
}

/** Remembers what was opened, newest first. */
export function remember(room: string, id: string): void {
  try {
    const held = [id, ...remembered(room).filter((other) => other !== id)].slice(0, MOST);
    localStorage.setItem(`stanchion-${room}`, JSON.stringify(held));
  } catch {
    // Storage is switched off: the list begins anew.
  }
}

export interface WayIn {
  headline: string;
  about: string;
  id: string;
  button: string;
  before: string;
}

export function openById(room: string, words: WayIn): HTMLElement {
  const field = h('input', { id: 'open', required: true, autocomplete: 'off', spellcheck: 'false' });
  const form = h(
    'form',
    { class: 'setting' },
    h('label', { for: 'open' }, words.id),
    h('div', { class: 'row' }, field, h('button', { class: 'primary' }, words.button)),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = `#/${room}/${encodeURIComponent(field.value.trim())}`;
  });
  const links = remembered(room).map((id) => h('li', {}, h('a', { href: `#/${room}/${encodeURIComponent(id)}` }, id)));
  return h(
    'section',
    { class: 'narrow' },
    h('h1', { tabindex: -1 }, words.headline),
    h('p', { class: 'quiet' }, words.about),
    h('div', { class: 'panel' }, form),
    links.length > 0 && h('h2', {}, words.before),
    links.length > 0 && h('ul', { class: 'links' }, ...links),
  );
}

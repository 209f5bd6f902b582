/** Codes from a CSV file into a book: looked at first, with the lines that cannot be taken, then loaded, all or none. */

import { h, say } from '../element';
import type { BookCalls, Rejected } from './books-api';
import type { Desk } from './desk';

interface Parts {
  form: HTMLFormElement;
  file: HTMLInputElement;
  said: HTMLElement;
  error: HTMLElement;
  preview: HTMLElement;
  look: HTMLButtonElement;
  load: HTMLButtonElement;
}

function parts(desk: Desk): Parts {
  const { upload: words } = desk.words;
  const file = h('input', { id: 'file', type: 'file', accept: '.csv,.txt,text/csv,text/plain', required: true });
  const said = h('p', { class: 'said', role: 'status' });
  const error = h('p', { class: 'error', role: 'alert' });
  const preview = h('div');
  const look = h('button', {}, words.look);
  const load = h('button', { type: 'button', class: 'primary', disabled: true }, words.load);
  const label = h('label', { for: 'file' }, words.file);
  const hint = h('small', {}, words.hint);
  const buttons = h('div', { class: 'row' }, look, load);
  const form = h('form', { class: 'fields' }, label, file, hint, buttons, said, error, preview);
  return { form, file, said, error, preview, look, load };
}

/** Sends the file; the lines that were rejected are shown, whichever way it was sent. */
async function send(desk: Desk, calls: BookCalls, p: Parts, tryOnly: boolean): Promise<number | null> {
  const { upload: words } = desk.words;
  const chosen = p.file.files?.[0];
  if (!chosen) {
    return null;
  }
  p.preview.replaceChildren();
  say(p.error, '');
  say(p.said, tryOnly ? words.looking : words.loading);
  p.look.disabled = p.load.disabled = true;
  const reply = await calls.codes(chosen, tryOnly);
  p.look.disabled = false;
  say(p.said, '');
  if (reply.ok) {
    return reply.body.accepted;
  }
  if (reply.problem === 'codes-rejected') {
    const total = Number(reply.more.rejected_total ?? 0);
    say(p.error, words.rejected(desk.n(total)));
    p.preview.replaceChildren(rejectedTable(desk, (reply.more.rejected ?? []) as Rejected[], total));
  } else {
    say(p.error, desk.failure(reply));
  }
  return null;
}

export function uploadPanel(desk: Desk, calls: BookCalls, loaded: () => void): HTMLElement {
  const { upload: words } = desk.words;
  const p = parts(desk);
  p.form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const accepted = await send(desk, calls, p, true);
    if (accepted !== null) {
      say(p.said, words.fine(desk.n(accepted)));
      p.load.disabled = false;
    }
  });
  p.load.addEventListener('click', async () => {
    const accepted = await send(desk, calls, p, false);
    if (accepted !== null) {
      p.form.reset();
      say(p.said, words.loaded(desk.n(accepted)));
      loaded();
    }
  });
  // Another file has not been looked at.
  p.file.addEventListener('change', () => {
    p.load.disabled = true;
    say(p.said, '');
    say(p.error, '');
    p.preview.replaceChildren();
  });
  return h('section', { class: 'panel' }, h('h2', {}, words.headline), p.form);
}

function rejectedTable(desk: Desk, rejected: Rejected[], total: number): HTMLElement {
  const { upload: words } = desk.words;
  const head = [words.line, words.code, words.reason].map((name) => h('th', { scope: 'col' }, name));
  const rows = rejected.map(({ line, code, reason }) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row', 'data-label': words.line }, desk.n(line)),
      h('td', { 'data-label': words.code }, h('code', {}, code)),
      h('td', { 'data-label': words.reason }, words.reasons[reason] ?? reason),
    ),
  );
  const rest = total - rejected.length;
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': words.preview },
    h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...rows)),
    rest > 0 && h('p', { class: 'quiet' }, words.rest(desk.n(rest))),
  );
}

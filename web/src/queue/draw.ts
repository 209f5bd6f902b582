/** How the lobby was drawn, for whoever wants to know: the seed, and working the order out again in this browser. */

import { h, say, show } from '../element';
import { count, day } from '../number';
import type { DrawRecord } from './api';
import { type Checked, check } from './recount';
import type { Stage } from './screen';

const key = (event: string) => `stanchion:${event}:drawn`;

/** Keeps that this place was in a lobby that is drawn: nothing else tells after the opening. */
export function keepDrawn(event: string): void {
  try {
    localStorage.setItem(key(event), 'yes');
  } catch {
    // Storage is switched off: this page alone offers no check.
  }
}

function wasDrawn(event: string): boolean {
  try {
    return localStorage.getItem(key(event)) === 'yes';
  } catch {
    return false;
  }
}

/** The button; it stands there for those who were in a lobby that was drawn. */
export function drawButton(stage: Stage): { root: HTMLElement; paint(over: boolean): void } {
  const { words, event } = stage;
  const button = h('button', { type: 'button', class: 'quiet', click: () => void open(stage) }, words.draw.button);
  const root = h('p', { class: 'draw', hidden: true }, button);
  return { root, paint: (over) => show(root, over && wasDrawn(event)) };
}

async function open(stage: Stage): Promise<void> {
  const { words, visit } = stage;
  const told = h('div', {}, h('p', {}, words.loading.headline));
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'draw-headline' },
    h('h2', { id: 'draw-headline' }, words.draw.headline),
    told,
    h('form', { method: 'dialog' }, h('button', { autofocus: true }, words.draw.close)),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  const reply = await visit.draw();
  if (reply.ok) {
    told.replaceChildren(...record(stage, reply.body));
  } else {
    told.replaceChildren(h('p', {}, words.draw.failed));
  }
}

function record({ words, language, visit }: Stage, drawn: DrawRecord): HTMLElement[] {
  const { draw } = words;
  const place = visit.placeId;
  const facts: [string, string][] = [
    [draw.people, count(drawn.people, language)],
    [draw.at, day(drawn.drawn_at, language)],
    [draw.origin, drawn.seed_origin === 'random' ? draw.random : drawn.seed_origin],
  ];
  const exact: [string, string][] = [
    [draw.seed, drawn.seed],
    ...(place === null ? [] : ([[draw.yours, place]] as [string, string][])),
  ];
  const told = (pairs: [string, string][], kind: string) =>
    pairs.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { class: kind }, value)));
  const outcome = h('p', { class: 'note', role: 'status' });
  const button = h('button', { type: 'button', class: 'primary' }, draw.check);
  button.addEventListener('click', async () => {
    button.disabled = true;
    say(outcome, draw.checking);
    const list = await visit.drawList();
    const checked = list === null ? null : await check(drawn, list, place);
    say(outcome, checked === null ? draw.failed : verdict(checked));
    button.disabled = false;
  });

  function verdict(checked: Checked): string {
    if (checked.is !== 'right') {
      return draw[checked.is];
    }
    return checked.drawn === null ? draw.right : `${draw.right} ${draw.drawnAs(count(checked.drawn, language))}`;
  }

  return [
    h('p', {}, draw.text),
    h('dl', { class: 'drawn' }, ...told(facts, ''), ...told(exact, 'exact')),
    outcome,
    h('p', {}, button),
  ];
}

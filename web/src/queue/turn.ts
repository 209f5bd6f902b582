/** The screen of those let in: one button, and the time they have. */

import { h, say, show } from '../element';
import { clock } from '../number';
import { stateOf } from './page';
import type { Screen, Stage } from './screen';

export function turnScreen({ visit, words }: Stage): Screen {
  const headline = h('h2', { tabindex: -1 });
  const digits = h('span', { class: 'digits' });
  const left = h('p', { class: 'number', role: 'timer' }, digits);
  const text = h('p');
  const trouble = h('p', { class: 'note', role: 'alert' });
  const button = h('button', { type: 'button', class: 'primary', click: () => void visit.redeem() });
  const link = h('p', { class: 'link' });
  const root = h('section', { class: 'screen turn' }, headline, left, link, text, trouble, button);
  let asked = false;
  return {
    root,
    paint() {
      const { place, link: state } = visit.page;
      const checking = stateOf(visit.page) === 'checking';
      root.dataset.state = checking ? 'checking' : 'turn';
      root.dataset.link = state;
      const left_ms = place.is === 'admitted' ? place.expiresAt - visit.clock.now() : 0;
      const asking = place.is === 'admitted' && place.asking !== 'no';
      const time = clock(left_ms).digits;
      const ended = left_ms <= 0 && !asking && !checking;
      say(headline, checking ? words.checking.headline : words.turn.headline);
      say(digits, time);
      digits.style.setProperty('--length', String(Math.max(4, time.length)));
      show(left, !checking);
      say(text, checking ? words.checking.text : ended ? words.turn.ended : words.turn.text);
      const problem = place.is === 'admitted' ? place.trouble : null;
      say(trouble, problem === null ? '' : words.turn.trouble(problem));
      show(trouble, problem !== null);
      say(link, checking ? '' : words.link[state]);
      say(button, asking ? words.turn.asking : words.turn.button);
      show(button, !checking);
      button.disabled = asking || ended;
      if (ended && !asked) {
        asked = true;
        // A moment's grace, for the server counts by its own clock.
        setTimeout(async () => {
          await visit.expired();
          asked = false;
        }, 1500);
      }
    },
  };
}

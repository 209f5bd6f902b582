/** Signing in, or up. */

import { h, say } from '../element';
import { failure, type Stage } from './stage';

/** Which of the two a person wants. */
type Way = 'in' | 'up';

export function signScreen(stage: Stage, way: Way = 'in'): HTMLElement {
  const { words, session } = stage;
  const told = words.sign[way];
  const error = h('p', { class: 'note', role: 'alert' });
  const email = h('input', { id: 'email', type: 'email', autocomplete: 'username', required: true, maxlength: 254 });
  const fresh = way === 'up' ? { minlength: 10, autocomplete: 'new-password' } : { autocomplete: 'current-password' };
  const password = h('input', { id: 'password', type: 'password', required: true, maxlength: 128, ...fresh });
  const button = h('button', { class: 'primary' }, told.button);
  const form = h(
    'form',
    { class: 'sign' },
    h('label', { for: 'email' }, words.sign.email),
    email,
    h('label', { for: 'password' }, words.sign.password),
    password,
    way === 'up' && h('p', { class: 'record' }, words.sign.hint),
    error,
    button,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(button, words.sign.asking);
    const [who, secret] = [email.value.trim(), password.value];
    const reply = await (way === 'up' ? session.signUp(who, secret) : session.begin(who, secret));
    button.disabled = false;
    say(button, told.button);
    if (reply.ok) {
      stage.turn();
      return;
    }
    say(error, failure(stage, reply.problem, reply.detail));
    password.select();
  });
  const screen = h('section', { class: 'screen' }, h('h2', { tabindex: -1 }, told.headline), form);
  const other = () => {
    const turned = signScreen(stage, way === 'in' ? 'up' : 'in');
    screen.replaceWith(turned);
    turned.querySelector('h2')?.focus();
  };
  screen.append(h('button', { type: 'button', class: 'quiet', click: other }, told.other));
  return screen;
}

/** The way in: the admin token, or an account of the staff. */

import { h, say } from '../element';
import type { Reply } from '../reply';
import { Session } from '../session';
import { Ops } from './api';
import { AdminToken, type Credential, Staff } from './credential';
import type { Words } from './words.en';

interface Way {
  headline: string;
  text: string;
  fields: HTMLElement[];
  /** The credential that was typed in, or why there is none. */
  credential(): Promise<({ keep(): void } & Credential) | Reply<unknown>>;
}

function labelled(label: string, input: HTMLInputElement): HTMLElement[] {
  return [h('label', { for: input.id }, label), input];
}

function byToken({ gate }: Words): Way {
  const token = h('input', { id: 'token', type: 'password', autocomplete: 'current-password', required: true });
  return {
    headline: gate.headline,
    text: gate.text,
    fields: labelled(gate.label, token),
    credential: async () => new AdminToken(token.value.trim()),
  };
}

function byAccount({ gate }: Words): Way {
  const email = h('input', { id: 'email', type: 'email', autocomplete: 'username', required: true });
  const password = h('input', { id: 'password', type: 'password', autocomplete: 'current-password', required: true });
  return {
    headline: gate.account.headline,
    text: gate.account.text,
    fields: [...labelled(gate.account.email, email), ...labelled(gate.account.password, password)],
    async credential() {
      const session = new Session();
      const reply = await session.begin(email.value.trim(), password.value);
      return reply.ok ? new Staff(session) : reply;
    },
  };
}

/** Why the door stays shut, in words. */
function refused({ gate }: Words, problem: string): string {
  const said: Partial<Record<string, string>> = {
    unauthorized: gate.wrong,
    'wrong-credentials': gate.account.wrong,
    forbidden: gate.account.forbidden,
    'slow-down': gate.slow,
  };
  return said[problem] ?? gate.away;
}

/** Asks for a credential, tries it, and hands over the calls that it opens. `said` is why it is asked for again, if it is. */
export function gate(words: Words, said: string, opened: (ops: Ops) => void): HTMLElement {
  const root = h('section', { class: 'gate' });

  function show(way: Way, other: () => void, otherLabel: string, told: string): void {
    const error = h('p', { class: 'error', role: 'alert' }, told);
    const button = h('button', { class: 'primary' }, words.gate.button);
    const turn = h('button', { type: 'button', class: 'tool', click: other }, otherLabel);
    const form = h('form', {}, ...way.fields, error, h('div', { class: 'row' }, button, turn));
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      const problem = await enter(way);
      button.disabled = false;
      if (problem !== null) {
        say(error, refused(words, problem));
        form.querySelector('input')?.select();
      }
    });
    root.replaceChildren(h('h1', {}, way.headline), h('p', {}, way.text), form);
    form.querySelector('input')?.focus();
  }

  /** Tries what was typed; the problem's name when it does not open. */
  async function enter(way: Way): Promise<string | null> {
    const credential = await way.credential();
    if ('ok' in credential) {
      return credential.ok ? null : credential.problem;
    }
    const ops = new Ops(credential);
    const reply = await ops.events();
    if (!reply.ok) {
      return reply.problem;
    }
    credential.keep();
    opened(ops);
    return null;
  }

  const token = (told: string) => show(byToken(words), account, words.gate.account.use, told);
  const account = () => show(byAccount(words), () => token(''), words.gate.use, '');
  token(said);
  return root;
}

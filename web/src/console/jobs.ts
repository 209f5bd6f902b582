/** What takes longer than a call may: asked for once, watched until it is over. */

import { h, say, show } from '../element';
import { AGAIN, onceKey } from '../once';
import type { Reply } from '../reply';
import { save } from '../save';
import type { BookCalls, Job } from './books-api';
import type { Desk } from './desk';
import { choice, field, tellRefusal } from './fields';
import { notes } from './notes';

const LOOK_MS = 1000;

/** What a distribution came to. */
interface Dealt {
  given: Record<string, string[]>;
  nothing: { user_id: string; reason: string }[];
}

interface Asked {
  headline: string;
  about: string;
  fields: HTMLElement[];
  button: string;
  begin(told: FormData, once: string): Promise<Reply<Job>>;
  /** What is said of a job that is done. */
  done(job: Job): string;
}

/** Moves the bar to where the job is; what that is in words. */
function progress(desk: Desk, bar: HTMLProgressElement, { done, total }: Job): string {
  if (total === 0) {
    bar.removeAttribute('value');
    return desk.words.job.queued;
  }
  bar.max = total;
  bar.value = done;
  return desk.words.job.running(desk.n(done), desk.n(total));
}

/** A form that begins a job and shows how far it has come. `over` is called when it has ended. */
function jobPanel(desk: Desk, calls: BookCalls, of: Asked, over: () => void): HTMLElement {
  const { said, error } = notes();
  const bar = h('progress', { 'aria-label': of.headline });
  const report = h('button', { type: 'button' }, desk.words.job.report);
  const button = h('button', { class: 'primary' }, of.button);
  const form = h('form', { class: 'fields' }, ...of.fields, error, button, bar, said, report);
  const root = h('section', { class: 'panel' }, h('h2', {}, of.headline), h('p', { class: 'quiet' }, of.about), form);
  show(bar, false);
  show(report, false);
  let ended: Job | null = null;
  report.addEventListener('click', () => {
    const text = JSON.stringify(ended?.report, null, 2);
    save(`${ended?.id ?? 'job'}.json`, new Blob([text], { type: 'application/json' }));
  });
  // A job whose answer was lost is asked for again under the same key, so that there is one of it.
  let once = onceKey();
  form.addEventListener('input', () => {
    once = onceKey();
  });

  /** Looks until the job has ended, or the screen is left: a job needs no watcher. */
  async function follow(asked: Job): Promise<void> {
    let job = asked;
    while (root.isConnected && (job.state === 'queued' || job.state === 'running')) {
      say(said, progress(desk, bar, job));
      await new Promise((later) => setTimeout(later, LOOK_MS));
      const reply = await calls.job(job.id);
      say(error, desk.failure(reply));
      job = reply.ok ? reply.body : job;
    }
    ended = job;
    show(bar, false);
    say(said, job.state === 'done' ? of.done(job) : '');
    say(error, job.state === 'failed' ? desk.words.job.failed(job.error ?? '') : '');
    show(report, job.kind === 'distribute' && job.report !== null);
    over();
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    show(report, false);
    const reply = await of.begin(new FormData(form), once);
    tellRefusal(desk, form, error, reply);
    say(said, '');
    if (reply.ok || !AGAIN.includes(reply.problem)) {
      once = onceKey();
    }
    if (reply.ok) {
      show(bar, true);
      await follow(reply.body);
    }
    button.disabled = false;
  });
  return root;
}

const whole = { type: 'number', min: 1, max: 1_000_000, step: 1 };

export function generatePanel(desk: Desk, calls: BookCalls, over: () => void): HTMLElement {
  const { generate: words } = desk.words;
  const fields = [
    field('count', words.count, '', { ...whole, required: true }),
    field('pattern', words.pattern, words.patternHint, { maxlength: 40, autocomplete: 'off' }),
  ];
  const begin = (told: FormData, once: string) => {
    const pattern = String(told.get('pattern')).trim();
    const asked = { count: Number(told.get('count')), ...(pattern !== '' && { code_pattern: pattern }) };
    return calls.generate(asked, once);
  };
  const done = (job: Job) => words.done(desk.n(job.done));
  const { headline, about, button } = words;
  return jobPanel(desk, calls, { headline, about, fields, button, begin, done }, over);
}

export function distributionPanel(desk: Desk, calls: BookCalls, over: () => void): HTMLElement {
  const { distribution: words } = desk.words;
  const fields = [
    field('pool', words.pool, '', { required: true, autocomplete: 'off' }),
    choice('mode', words.mode, Object.entries(words.modes)),
    field('per_person', words.each, words.eachHint, whole),
  ];
  const begin = (told: FormData, once: string) => {
    const each = String(told.get('per_person')).trim();
    const asked = { pool: String(told.get('pool')).trim(), mode: String(told.get('mode')) };
    return calls.distribute({ ...asked, ...(each !== '' && { per_person: Number(each) }) }, once);
  };
  const done = ({ report }: Job) => {
    const { given = {}, nothing = [] } = (report ?? {}) as Partial<Dealt>;
    const codes = Object.values(given).reduce((sum, some) => sum + some.length, 0);
    return words.done(desk.n(codes), desk.n(Object.keys(given).length), desk.n(nothing.length));
  };
  const { headline, about, button } = words;
  return jobPanel(desk, calls, { headline, about, fields, button, begin, done }, over);
}

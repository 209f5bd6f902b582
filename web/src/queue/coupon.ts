/** The screen of those who have their coupon: the code, and ways to keep it. */

import { codeText } from '../code';
import { h, say } from '../element';
import { count, day, moment } from '../number';
import { paint as paintQr, qr, svg } from '../qr';
import { save } from '../save';
import type { Pass } from './api';
import type { Screen, Stage } from './screen';

/** The lines that are kept in a file or a picture. */
function lines(pass: Pass, title: string, { words, language }: Stage): string[] {
  const { code, serial } = pass.coupon;
  const record = words.coupon.record(count(serial, language), moment(pass.issued_at));
  return [title, code, record, day(pass.issued_at, language), location.href];
}

/** The coupon as a picture: white, so that it can be printed and scanned. */
function picture(text: string[], code: string): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  const modules = qr(code);
  const side = 1000;
  canvas.width = side;
  canvas.height = modules ? 1250 : 420;
  const pen = canvas.getContext('2d');
  if (pen) {
    pen.fillStyle = '#fff';
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = '#1c1714';
    pen.textAlign = 'center';
    const fonts = [
      '36px system-ui',
      `bold ${Math.min(80, 1500 / code.length)}px monospace`,
      '28px system-ui',
      '24px system-ui',
    ];
    const rows = [80, 180, 250, 295, 340];
    text.forEach((line, i) => {
      pen.font = fonts[i] ?? '24px system-ui';
      pen.fillText(line, side / 2, rows[i] ?? 380, side - 80);
    });
    if (modules) {
      paintQr(pen, modules, 130, 400, 740);
    }
  }
  return canvas;
}

export function couponScreen(stage: Stage): Screen {
  const { visit, words, language, event } = stage;
  const { place } = visit.page;
  const pass = place.is === 'redeemed' ? place.pass : null;
  if (!pass) {
    return { root: h('section'), paint: () => {} };
  }
  const { code, serial } = pass.coupon;
  const modules = qr(code);
  const shown = h('output', { class: 'code', 'aria-labelledby': 'code-label' }, ...codeText(code));
  shown.style.setProperty('--length', String(code.length));
  const copy = h('button', { type: 'button', class: 'primary' }, words.coupon.copy);
  copy.addEventListener('click', async () => {
    const done = await navigator.clipboard?.writeText(code).then(
      () => true,
      () => false,
    );
    say(copy, done ? words.coupon.copied : words.coupon.copyFailed);
  });
  const text = () => lines(pass, visit.page.event?.title ?? event, stage);
  const toText = () => save(`${event}.txt`, new Blob([`${text().join('\n')}\n`], { type: 'text/plain' }));
  const toPicture = () => picture(text(), code).toBlob((blob) => blob && save(`${event}.png`, blob));
  const root = h(
    'section',
    { class: 'screen coupon' },
    h('h2', { tabindex: -1 }, words.coupon.headline),
    h(
      'div',
      { class: 'stub' },
      h('p', { class: 'label', id: 'code-label' }, words.coupon.code),
      shown,
      modules && svg(modules, words.coupon.qr),
      h('p', { class: 'record' }, words.coupon.record(count(serial, language), moment(pass.issued_at))),
    ),
    h(
      'div',
      { class: 'buttons' },
      copy,
      h('button', { type: 'button', click: toText }, words.coupon.save),
      h('button', { type: 'button', click: toPicture }, words.coupon.picture),
    ),
    h('p', {}, words.coupon.text),
  );
  return { root, paint: () => {} };
}

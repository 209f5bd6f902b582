/** Every sentence of the queue page in Korean; the type holds it to the English. */

import type { ShownRange } from '../number';
import type { Words } from './words.en';

const UNIT = { second: '초', minute: '분', hour: '시간', day: '일' } as const;

function time({ unit, low, high }: ShownRange): string {
  const span = low > 0 && low < high ? `${low}–${high}` : low === high ? `약 ${high}` : null;
  return span ? `${span}${UNIT[unit]}` : `${high}${UNIT[unit]} 이내`;
}

export const ko: Words = {
  otherLanguage: 'English',
  pageTitle: (number, title) => `${number}번 · ${title}`,
  tell: {
    label: '차례가 되면 알려 주기',
    title: '소리로 알려 드리고, 허용하시면 브라우저 알림도 띄웁니다',
  },
  loading: { headline: '잠시만 기다려 주세요…', text: '' },
  unreachable: {
    headline: '대기열에 연결할 수 없습니다.',
    text: '인터넷 연결이나 서버에 문제가 있습니다. 이 화면이 계속 다시 시도합니다. 이미 받은 순번은 그대로 유지됩니다.',
  },
  recovering: {
    headline: '잠시만 기다려 주세요.',
    text: '잠깐 중단되어 줄을 복구하고 있습니다. 이미 받은 순번은 그대로이며, 이 화면이 자동으로 이어집니다.',
  },
  'unknown-event': { headline: '존재하지 않는 이벤트입니다.', text: '안내받은 주소를 다시 확인해 주세요.' },
  'not-open-yet': {
    headline: '아직 시작 전입니다.',
    text: '이 화면을 그대로 두시면 자동으로 열립니다.',
    at: (day) => `${day}에 시작합니다.`,
    soon: '시작 시각이 아직 정해지지 않았습니다.',
  },
  join: {
    headline: (total) => `쿠폰 ${total}장`,
    left: (remaining) => `${remaining}장 남음`,
    waiting: (n) => (n === '0' ? '대기 중인 사람 없음' : `${n}명 대기 중`),
    text: '한 번만 입장하고 이 화면을 유지해 주세요. 새로고침하거나 다른 탭을 열거나 연결이 끊겨도 순번은 그대로입니다.',
    lobby: '지금 입장해서 시작을 기다릴 수 있습니다.',
    paused: '대기열이 잠시 멈춰 있습니다. 입장하시면 순번은 유지됩니다.',
    returns: '쿠폰이 모두 소진되었습니다. 반환되는 쿠폰을 기다릴 수 있습니다.',
    stranger:
      '주최자의 사이트에서 오신 분들을 위한 줄입니다. 그 사이트로 돌아가 링크를 다시 눌러 주세요. 링크는 잠시 동안만 쓸 수 있습니다.',
    trouble: (problem) =>
      `서버가 입장을 받지 않았습니다. 새로고침한 뒤 다시 시도해 주세요. 그래도 안 되면 주최자에게 ‘${problem}’이라고 알려 주세요.`,
    button: '줄 서기',
  },
  entering: {
    headline: '순번을 받는 중…',
    nothing: '',
    crowd: '많은 분이 한꺼번에 입장하고 있습니다. 계속 시도하고 있으니 그대로 기다려 주세요.',
    recovery: '잠깐 중단되어 줄을 복구하고 있습니다. 계속 시도하고 있으니 그대로 기다려 주세요.',
  },
  lobby: {
    headline: '입장 완료.',
    opensIn: '시작까지',
    days: (n) => `${n}일`,
    soon: '곧 시작합니다',
    drawn: '시작 전 입장하신 분들의 순번은 무작위로 정해집니다. 추첨은 시작할 때 이루어집니다.',
    text: '이벤트가 시작되면 줄이 움직입니다.',
  },
  number: '내 순번',
  numberAbout: '내 순번 약',
  behind: (n) => (n === '0' ? '아직 뒤에 기다리는 분이 없습니다' : `내 뒤에 ${n}명`),
  others: (n) => (n === '0' ? '아직 다른 분이 없습니다' : `나 외에 ${n}명이 함께 있습니다`),
  about: (n) => `약 ${n}`,
  eta: (range) => `예상 대기 ${time(range)}`,
  noEta: '줄이 멈춰 있어 예상 시간을 알 수 없습니다',
  next: {
    headline: '바로 다음 차례입니다.',
    text: '이 화면을 열어 두세요. 차례가 왔을 때 자리를 비우셨더라도 가장 먼저 입장하십니다.',
  },
  drawing: {
    headline: '순번을 추첨하고 있습니다.',
    text: '시작 전 입장하신 분들의 순번은 무작위로 정해집니다. 곧 여기에 표시됩니다.',
  },
  paused: {
    headline: '주최자가 줄을 잠시 멈췄습니다.',
    text: '순번은 그대로 유지됩니다. 다시 시작되면 이 화면이 자동으로 이어집니다.',
    tab: '일시 정지',
  },
  chance: {
    numbers: (left, ahead) => `남은 쿠폰 ${left}장, 앞선 대기 ${ahead === '0' ? '없음' : `${ahead}명`}`,
    likely: '가능성 높음: 받으실 수 있을 것으로 보입니다.',
    likelyStill: '가능성 높음: 지금까지 받지 않은 분들이 충분히 있습니다.',
    uncertain: '불확실: 앞선 분들이 얼마나 받는지에 달려 있습니다.',
    unlikely: '가능성 낮음: 앞선 분들이나 지금 차례인 분들 가운데 많은 분이 받지 않아야 합니다.',
    none: '지금은 모두 소진되었습니다. 반환되는 쿠폰이 있을 수 있습니다.',
  },
  link: {
    none: '',
    live: '',
    polling: '',
    recovering: '서비스가 잠깐 중단되었습니다. 순번은 안전합니다.',
    lost: '다시 연결하는 중… 순번은 안전합니다.',
  },
  turn: {
    headline: '차례가 되었습니다!',
    text: '안에 받아 주세요. 시간이 지나면 다음 분께 넘어갑니다.',
    button: '쿠폰 받기',
    asking: '받는 중…',
    ended: '제한 시간이 끝났습니다. 서버에 확인하는 중…',
    trouble: (problem) =>
      `서버가 이 티켓을 받지 않았습니다. 새로고침한 뒤 다시 시도해 주세요. 그래도 안 되면 주최자에게 ‘${problem}’이라고 알려 주세요.`,
    alert: '차례가 되었습니다. 버튼을 눌러 쿠폰을 받아 주세요.',
    tab: '차례입니다!',
  },
  checking: {
    headline: '확인하는 중…',
    text: '응답이 도중에 끊겼습니다. 같은 티켓으로 다시 확인합니다. 쿠폰이 사라지거나 두 번 발급되는 일은 없습니다.',
  },
  coupon: {
    headline: '쿠폰이 발급되었습니다.',
    code: '쿠폰 코드',
    copy: '복사',
    copied: '복사했습니다',
    copyFailed: '코드를 선택해 복사해 주세요',
    save: '텍스트로 저장',
    picture: '이미지로 저장',
    record: (serial, at) => `${at}에 #${serial}번으로 기록되었습니다.`,
    text: '코드는 여기에 보관됩니다. 이 브라우저로 이 화면에 다시 오시면 볼 수 있습니다.',
    qr: '쿠폰 코드의 QR 이미지',
    tab: '내 쿠폰',
  },
  'sold-out': {
    headline: (total) => `준비된 ${total}장이 모두 소진되었습니다.`,
    text: '기다려 주셔서 감사합니다. 더 기다리지 않으셔도 됩니다.',
  },
  missed: {
    headline: '순번이 지나갔습니다.',
    text: (at) =>
      at === null
        ? '차례가 왔을 때 자리를 비우셨거나 제한 시간 안에 받지 않아 순번이 지나갔습니다.'
        : `제한 시간 안에 받지 않아 순번이 지나갔습니다 (${at} 종료).`,
    button: '맨 뒤에서 다시 줄 서기',
  },
  left: { headline: '줄에서 나왔습니다.', text: '순번은 뒤에 계신 분들께 넘어갔습니다.', button: '다시 줄 서기' },
  'line-closed': {
    headline: '입장이 마감되었습니다.',
    text: '이미 줄을 선 분들까지만 진행합니다. 새로 입장할 수 없습니다.',
  },
  closed: { headline: '이벤트가 종료되었습니다.', text: '찾아 주셔서 감사합니다.' },
  draw: {
    button: '순번 추첨 과정 보기',
    headline: '순번은 이렇게 추첨했습니다',
    text: '아무도 미리 알 수 없는 수(시드)로, 시작할 때 있던 모든 자리를 섞었습니다. 시드 뒤에 자리 아이디를 붙인 값의 SHA-256 순서입니다. 누구나 다시 계산해 볼 수 있습니다.',
    people: '추첨한 자리',
    at: '추첨 시각',
    origin: '시드의 출처',
    random: '서버의 난수',
    seed: '시드',
    yours: '내 자리',
    check: '여기서 다시 계산하기',
    checking: '계산하는 중…',
    right: '맞습니다. 모든 자리가 시드가 정한 순서대로입니다.',
    drawnAs: (n) => `${n}번으로 추첨되셨습니다.`,
    wrong: '공개된 결과와 다릅니다. 시드와 내 자리를 적어 두고 주최자에게 문의해 주세요.',
    unable: '이 브라우저는 보안 연결(https)에서만 계산할 수 있습니다.',
    failed: '지금은 추첨 결과를 받아 올 수 없습니다. 잠시 뒤 다시 시도해 주세요.',
    close: '닫기',
  },
  over: '더 이상 새로 입장할 수 없습니다.',
  leave: {
    button: '줄에서 나가기',
    question: '줄에서 나갈까요?',
    text: '순번은 뒤에 계신 분들께 넘어갑니다. 다시 오시면 맨 뒤부터 시작합니다.',
    yes: '나가기',
    no: '계속 기다리기',
    failed: '서버에 연결하지 못했습니다. 아직 줄에 계십니다.',
  },
  announce: {
    position: (number) => `현재 순번은 ${number}번입니다.`,
    lost: '연결이 끊겼습니다. 순번은 안전합니다.',
    back: '다시 연결되었습니다.',
    moves: '줄이 움직이기 시작했습니다.',
  },
};

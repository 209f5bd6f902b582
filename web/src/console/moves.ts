/** The moves that an event's life has, as the server holds them; the server refuses any other. */

import type { Phase } from './api';

const MOVES: Record<Phase, Phase[]> = {
  draft: ['lobby', 'open', 'closed'],
  lobby: ['open', 'closed'],
  open: ['paused', 'draining', 'closed'],
  paused: ['open', 'draining', 'closed'],
  draining: ['open', 'closed'],
  closed: [],
};

export function movesFrom(phase: Phase): Phase[] {
  return MOVES[phase];
}

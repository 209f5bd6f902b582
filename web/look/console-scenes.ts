/** Scenes of the ops console. The scene's name is its admin token. */

import type { Refused } from './scenes';

export interface ConsoleScene {
  answer(method: string, path: string): object | Refused | undefined;
  play(send: (frame: object) => void): void;
}

export const CONSOLE_SCENES: Record<string, ConsoleScene> = {};

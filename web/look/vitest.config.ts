import { defineConfig } from 'vite';

export default defineConfig({
  test: { include: ['look/*.look.ts'], testTimeout: 600_000, hookTimeout: 60_000, maxConcurrency: 3 },
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { initialise } from '../../../softhsm/initialise.ts';
import type { TokenConfig } from '../../../src/config.ts';
import { connectHsm } from '../../../src/hsm/client.ts';
import { startSupervisor } from '../../../src/hsm/supervisor.ts';
import type { Hsm } from '../../../src/keys/hsm.ts';
import { initialiseNss } from './nss.ts';

export const log = pino({ level: process.env.COFFER_TEST_LOG ?? 'silent' });

/** A token of each kind, in a folder of its own: what a configuration says of it. */
export const tokens = {
  'SoftHSM 2': (folder: string): Partial<TokenConfig> => ({ ...initialise(join(folder, 'soft')) }),
  'NSS softokn': (folder: string): Partial<TokenConfig> => ({ ...initialiseNss(join(folder, 'nss')) }),
} as const;

export interface Tier {
  readonly config: TokenConfig;
  /** Another client of the same hosts. */
  connect(): Hsm;
  close(): Promise<void>;
}

/** The real supervisor with real hosts over a new token. */
export async function startTier(
  token: (folder: string) => Partial<TokenConfig>,
  options: Partial<TokenConfig> = {},
): Promise<Tier> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-hsm-'));
  const config: TokenConfig = {
    module: '',
    environment: {},
    socketFolder: join(folder, 'sockets'),
    hosts: 2,
    deadlineMilliseconds: 5_000,
    start: false,
    hostOaep: true,
    hostUnwrap: false,
    ...token(folder),
    ...options,
  };
  const supervisor = await startSupervisor(config, log);
  await supervisor.ready;
  const clients: Hsm[] = [];
  return {
    config,
    connect() {
      const hsm = connectHsm({ ...config, log });
      clients.push(hsm);
      return hsm;
    },
    async close() {
      for (const client of clients) await client.close();
      await supervisor.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Findings, Order } from '../boundary/intruder.ts';

/** As much of a tier as an intruder needs to know. */
export interface Target {
  readonly module: string;
  readonly label: string;
  /** Of the token's user. */
  pin(): string;
  /** Where the token is. */
  readonly tokens: string;
  /** Where the intruder may put its configuration. */
  readonly folder: string;
}

const program = fileURLToPath(new URL('../boundary/intruder.ts', import.meta.url));

/**
 * Does something to the tier's token behind Coffer's back, in a process of its own that logs in with the PIN.
 * @param tokens where the token's folder is now
 */
export async function intrude(
  tier: Target,
  action: Order['action'],
  tokens = tier.tokens,
): Promise<Findings> {
  const configuration = join(tier.folder, 'intruder.conf');
  writeFileSync(configuration, `directories.tokendir = ${tokens}\nobjectstore.backend = file\n`);
  const child = fork(program, { env: { ...process.env, SOFTHSM2_CONF: configuration }, execArgv: [] });
  const order: Order = { module: tier.module, label: tier.label, pin: tier.pin(), action };
  child.send(order);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the intruder ended with code ${code}`);
  });
  const [findings]: [Findings] = await Promise.race([
    once(child, 'message').then(([answer]): [Findings] => [answer]),
    ended,
  ]);
  ended.catch(() => undefined);
  await once(child, 'exit');
  return findings;
}

/** Destroys the one object that has this CKA_ID (hex) and, where it is given, is of this class. */
export async function destroyObject(tier: Target, id: string, type?: number): Promise<void> {
  await intrude(tier, { type: 'destroy', id, ...(type !== undefined && { class: type }) });
}

/** Makes a key with this CKA_ID (hex) and no label, as another program may that uses the same token. */
export async function plantObject(tier: Target, id: string): Promise<void> {
  await intrude(tier, { type: 'plant', id });
}

/** Gives the token another user PIN; the PIN file stays as it was. */
export async function changePin(tier: Target, pin: string, tokens: string): Promise<void> {
  await intrude(tier, { type: 'change-pin', pin }, tokens);
}

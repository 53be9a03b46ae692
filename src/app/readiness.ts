import type { Trail } from '../audit/record.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Lease } from './lease.ts';

/** Asks the parts that a request needs, truly: the token by a decryption, the store by a read. */
export async function readiness(parts: {
  readonly hsm: Hsm;
  readonly reader: { changeSequence(): Promise<number> };
  readonly trail: Trail;
  readonly lease: Lease;
}): Promise<{ ready: boolean; checks: Record<string, string> }> {
  const checks: Record<string, string> = {};
  const check = async (name: string, ask: () => Promise<string>) => {
    // What is wrong in detail is for the log: this page asks for no signature.
    checks[name] = await ask().catch(() => 'failed');
  };
  await Promise.all([
    check('token', async () => {
      const { hosts } = await parts.hsm.checkHealth();
      const well = hosts.filter(({ connected, problem }) => connected && problem === undefined).length;
      return well > 0 ? 'ok' : 'no token host is well';
    }),
    check('store', async () => {
      await parts.reader.changeSequence();
      return 'ok';
    }),
    check('trail', async () => (parts.trail.writable ? 'ok' : 'not writable')),
    check('primary', async () => (parts.lease.held ? 'ok' : 'not heard of')),
  ]);
  return { ready: Object.values(checks).every((state) => state === 'ok'), checks };
}

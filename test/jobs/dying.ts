import type { Hsm } from '../../src/keys/hsm.ts';
import type { Assembly } from './assembly.ts';

type Method = 'generateKey' | 'destroyKey' | 'importKey' | 'createWrappingKey' | 'destroyWrappingKey';
const methods: readonly Method[] = [
  'generateKey',
  'destroyKey',
  'importKey',
  'createWrappingKey',
  'destroyWrappingKey',
];

const died = new Error('died here');

/** The token tier, but for these. */
export function tierWith(coffer: Assembly, over: Partial<Hsm>): Hsm {
  return new Proxy(coffer.hsm, {
    get: (hsm, name) => {
      const own = Reflect.get(over, name) ?? Reflect.get(hsm, name);
      return typeof own === 'function' ? own.bind(hsm) : own;
    },
  });
}

/**
 * Parts of a process that dies: whatever is tried after its death fails too, nobody is left to clear up. Each change and
 * each call of the token is two steps: `material-creating`, `after material-creating`.
 */
export function dying(coffer: Assembly, dead: (step: string) => boolean) {
  let alive = true;
  const live = <T>(step: string, go: () => Promise<T>): Promise<T> => {
    if (dead(step)) alive = false;
    return alive ? go() : Promise.reject(died);
  };
  const both = async <T>(step: string, go: () => Promise<T>): Promise<T> => {
    const made = await live(step, go);
    return live(`after ${step}`, async () => made);
  };
  const calls = methods.map((name) => [
    name,
    (...given: unknown[]) => both(name, () => Reflect.apply(coffer.hsm[name], coffer.hsm, given)),
  ]);
  const apply: Assembly['changes']['apply'] = (change, record) =>
    both(change.type, () => coffer.changes.apply(change, record));
  return { hsm: tierWith(coffer, Object.fromEntries(calls)), changes: { apply } };
}

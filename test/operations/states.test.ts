import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { operations } from '../../src/operations/table.ts';
import { type Assembly, assemble } from '../jobs/assembly.ts';
import { elsewhere, makeSubject, matrix, type ShownState, shownStates, ways } from './state-matrix.ts';

describe('what a state of a key allows: every operation in every state', () => {
  let coffer: Assembly;
  let otherKeyId: string;
  before(async () => {
    coffer = await assemble();
    otherKeyId = await coffer.createKey();
  });
  after(() => coffer.close());

  const call = (operation: string, input: Record<string, unknown>) => coffer.call(operation, input);

  /** The key in the state, by a request where one leads there. */
  async function enter(KeyId: string, state: ShownState): Promise<void> {
    const way = ways[state];
    if (way !== undefined) await call(way, { KeyId });
    if (state !== 'PendingImport') return;
    const scope = { region: 'us-east-1', account: '111122223333' };
    const change = { ...scope, type: 'key-state', keyId: KeyId, from: ['Enabled'], to: state } as const;
    expect(await coffer.changes.apply(change, undefined)).to.deep.equal({ type: 'done' });
  }

  it('is told of every operation there is', () => {
    const told = new Set([...matrix.map(({ operation }) => operation), ...elsewhere]);
    expect([...operations.keys()].filter((name) => !told.has(name))).to.deep.equal([]);
  });

  for (const { operation, kind, answer, input } of matrix.filter((row) => operations.has(row.operation))) {
    it(`${operation}: ${shownStates.map((state) => `${state} ${answer(state).split(':')[0]}`).join(', ')}`, async () => {
      await Promise.all(
        shownStates.map(async (state) => {
          const subject = await makeSubject(call, kind, otherKeyId, operations.has('CreateGrant'));
          await enter(subject.KeyId, state);
          const arn = `arn:aws:kms:us-east-1:${subject.account}:key/${subject.KeyId}`;
          const answered = await call(operation, input(subject)).then(
            () => 'allowed',
            (error: unknown) =>
              error instanceof KmsError ? `${error.code}: ${error.message}` : `failed: ${String(error)}`,
          );
          expect(answered, state).to.equal(answer(state).replace('<arn>', arn));
        }),
      );
    });
  }

  it('what becomes of a key: cancelled deletion disables, and a key that waits for its import may go', async () => {
    const stateOf = async (KeyId: string) =>
      ((await call('DescribeKey', { KeyId })) as { KeyMetadata: { KeyState: string; Enabled: boolean } })
        .KeyMetadata;
    const KeyId = await coffer.createKey();
    await enter(KeyId, 'PendingImport');
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport', Enabled: false });
    await call('ScheduleKeyDeletion', { KeyId });
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingDeletion', Enabled: false });
    await call('CancelKeyDeletion', { KeyId });
    expect(await stateOf(KeyId)).to.include({ KeyState: 'Disabled', Enabled: false });
  });
});

import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { operations } from '../../src/operations/table.ts';
import { type Assembly, assemble } from '../jobs/assembly.ts';
import { elsewhere, enter, matrix, shownStates } from './state-matrix.ts';

describe('what a state of a key allows: every operation in every state', () => {
  let coffer: Assembly;
  let otherKeyId: string;
  before(async () => {
    coffer = await assemble();
    otherKeyId = await coffer.createKey();
  });
  after(() => coffer.close());

  const call = (operation: string, input: Record<string, unknown>) => coffer.call(operation, input);

  it('is told of every operation there is', () => {
    const told = new Set([...matrix.map(({ operation }) => operation), ...elsewhere]);
    expect([...operations.keys()].filter((name) => !told.has(name))).to.deep.equal([]);
  });

  for (const { operation, answer, input, kind } of matrix) {
    it(`${operation}: ${shownStates.map((state) => `${state} ${answer(state).split(':')[0]}`).join(', ')}`, async () => {
      await Promise.all(
        shownStates.map(async (state) => {
          const subject = await enter(call, state, otherKeyId, kind);
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

  it('what becomes of a key: cancelled deletion disables, and a key that waits for its import goes on waiting', async () => {
    const stateOf = async (KeyId: string) =>
      ((await call('DescribeKey', { KeyId })) as { KeyMetadata: { KeyState: string; Enabled: boolean } })
        .KeyMetadata;
    const { KeyId } = await enter(call, 'PendingImport', otherKeyId);
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport', Enabled: false });
    await call('ScheduleKeyDeletion', { KeyId });
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingDeletion', Enabled: false });
    await call('CancelKeyDeletion', { KeyId });
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport', Enabled: false });
    const { KeyId: kept } = await enter(call, 'PendingDeletion', otherKeyId);
    await call('CancelKeyDeletion', { KeyId: kept });
    expect(await stateOf(kept)).to.include({ KeyState: 'Disabled', Enabled: false });
  });
});

import { expect } from 'chai';
import { operations } from '../../src/operations/table.ts';
import { makeSubject, matrix, shownStates, ways } from '../operations/state-matrix.ts';
import { call, newKey, service } from './shared.ts';

describe('what a state of a key allows, over HTTP', () => {
  let otherKeyId: string;

  before(async function () {
    this.timeout(60_000);
    otherKeyId = (await newKey((await service()).client())).id;
  });

  const succeed = async (operation: string, input: Record<string, unknown>) => {
    const { status, body, text } = await call(await service(), operation, input);
    expect(status, text).to.equal(200);
    return body ?? {};
  };

  // The states that requests lead to: the others are tried below the wire (test/operations/states.test.ts).
  for (const state of shownStates.filter((state) => state === 'Enabled' || ways[state] !== undefined)) {
    it(`${state}: every operation answers as AWS does`, async function () {
      this.timeout(30_000);
      const at = await service();
      const rows = matrix.filter((row) => operations.has(row.operation));
      await Promise.all(
        rows.map(async ({ operation, kind, answer, input }) => {
          const subject = await makeSubject(succeed, kind, otherKeyId, operations.has('CreateGrant'));
          const way = ways[state];
          if (way !== undefined) await succeed(way, { KeyId: subject.KeyId });
          const { status, body } = await call(at, operation, input(subject));
          const arn = `arn:aws:kms:us-east-1:${subject.account}:key/${subject.KeyId}`;
          const wanted = answer(state).replace('<arn>', arn);
          expect(status === 200 ? 'allowed' : `${body?.__type}: ${body?.message}`, operation).to.equal(
            wanted,
          );
          expect(status).to.equal(wanted === 'allowed' ? 200 : 400);
        }),
      );
    });
  }
});

import { expect } from 'chai';
import { enter, matrix, type Row, shownStates } from '../operations/state-matrix.ts';
import { call, newKey, service } from './shared.ts';

const together = 8;

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

  for (const state of shownStates) {
    it(`${state}: every operation answers as AWS does`, async function () {
      this.timeout(120_000);
      const at = await service();
      const each = async ({ operation, answer, input, kind }: Row) => {
        const subject = await enter(succeed, state, otherKeyId, kind);
        const { status, body } = await call(at, operation, input(subject));
        const arn = `arn:aws:kms:us-east-1:${subject.account}:key/${subject.KeyId}`;
        const wanted = answer(state).replace('<arn>', arn);
        const answered = status === 200 ? 'allowed' : `${body?.__type}: ${body?.message}`;
        expect(answered, operation).to.equal(wanted);
        expect(status).to.equal(wanted === 'allowed' ? 200 : 400);
      };
      // Some at a time: making as many RSA keys at once is refused.
      for (let begin = 0; begin < matrix.length; begin += together) {
        await Promise.all(matrix.slice(begin, begin + together).map(each));
      }
    });
  }
});

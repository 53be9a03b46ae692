import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { allowedStates, publicState, refusal, type StateRule } from '../../src/keys/state.ts';

const arn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

const states = ['Enabled', 'Disabled', 'PendingDeletion', 'PendingImport', 'Destroying'] as const;

const disabled = ['DisabledException', `${arn} is disabled.`] as const;
const deletion = ['KMSInvalidStateException', `${arn} is pending deletion.`] as const;
const pendingImport = ['KMSInvalidStateException', `${arn} is pending import.`] as const;
const notDeletion = ['KMSInvalidStateException', `${arn} is not pending deletion.`] as const;
const imported = [
  'UnsupportedOperationException',
  `${arn} origin is EXTERNAL which is not valid for this operation.`,
] as const;

/** A rule's answers in the states of the columns above; a key being destroyed can't be kept either. */
const matrix: Record<StateRule, readonly (readonly [string, string] | undefined)[]> = {
  use: [undefined, disabled, deletion, pendingImport, deletion],
  'rotation-schedule': [undefined, disabled, deletion, imported, deletion],
  'rotation-status': [undefined, undefined, undefined, imported, undefined],
  switch: [undefined, undefined, deletion, pendingImport, deletion],
  change: [undefined, undefined, deletion, undefined, deletion],
  cancel: [notDeletion, notDeletion, undefined, notDeletion, deletion],
  look: [undefined, undefined, undefined, undefined, undefined],
};

describe('key states (AWS KMS developer guide, "Key states of AWS KMS keys")', () => {
  for (const rule of Object.keys(matrix) as StateRule[]) {
    for (const [column, state] of states.entries()) {
      const wanted = matrix[rule][column];
      it(`${rule} a key that is ${state}: ${wanted?.[0] ?? 'allowed'}`, () => {
        const refused = refusal(rule, state, arn);
        expect(refused && [refused.code, refused.message]).to.deep.equal(wanted);
      });
    }

    it(`a change by \`${rule}\` may start from the states it allows, and from no other`, () => {
      expect(new Set(allowedStates(rule))).to.deep.equal(
        new Set(states.filter((_, column) => matrix[rule][column] === undefined)),
      );
    });
  }

  it('a key being destroyed shows as pending deletion, one being made is never shown', () => {
    expect(publicState('Destroying')).to.equal('PendingDeletion');
    expect(publicState('PendingImport')).to.equal('PendingImport');
    expect(() => publicState('Creating')).to.throw(KmsError);
    expect(() => publicState('Abandoning')).to.throw(KmsError);
  });
});

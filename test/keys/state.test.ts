import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { allowedStates, publicState, refusal, type StateRule } from '../../src/keys/state.ts';

const arn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

describe('key states (AWS KMS developer guide, "Key states of AWS KMS keys")', () => {
  const table: [StateRule, 'Enabled' | 'Disabled' | 'PendingDeletion' | 'Destroying', string | undefined][] =
    [
      ['use', 'Enabled', undefined],
      ['use', 'Disabled', 'DisabledException'],
      ['use', 'PendingDeletion', 'KMSInvalidStateException'],
      ['use', 'Destroying', 'KMSInvalidStateException'],
      ['change', 'Enabled', undefined],
      ['change', 'Disabled', undefined],
      ['change', 'PendingDeletion', 'KMSInvalidStateException'],
      ['change', 'Destroying', 'KMSInvalidStateException'],
      ['cancel', 'Enabled', 'KMSInvalidStateException'],
      ['cancel', 'Disabled', 'KMSInvalidStateException'],
      ['cancel', 'PendingDeletion', undefined],
      ['cancel', 'Destroying', 'KMSInvalidStateException'],
      ['look', 'Enabled', undefined],
      ['look', 'Disabled', undefined],
      ['look', 'PendingDeletion', undefined],
      ['look', 'Destroying', undefined],
    ];
  for (const [rule, state, code] of table) {
    it(`${rule} a key that is ${state}: ${code ?? 'allowed'}`, () => {
      expect(refusal(rule, state, arn)?.code).to.equal(code);
    });
  }

  it('refusals name the key and its state in the words that clients know', () => {
    expect(refusal('use', 'Disabled', arn)?.message).to.equal(`${arn} is disabled.`);
    expect(refusal('use', 'PendingDeletion', arn)?.message).to.equal(`${arn} is pending deletion.`);
  });

  it('a change may start from the states its rule allows, and from no other', () => {
    expect(allowedStates('use')).to.deep.equal(['Enabled']);
    expect(allowedStates('change')).to.deep.equal(['Enabled', 'Disabled']);
    // INVARIANT: what is being destroyed can't be taken back.
    expect(allowedStates('cancel')).to.deep.equal(['PendingDeletion']);
  });

  it('a key being destroyed shows as pending deletion, one being made is never shown', () => {
    expect(publicState('Destroying')).to.equal('PendingDeletion');
    expect(() => publicState('Creating')).to.throw(KmsError);
  });
});

import { expect } from 'chai';
import { OwnershipError, ownership } from '../../src/app/ownership.ts';
import type { TokenIdentity } from '../../src/keys/hsm.ts';

const mine = 'a'.repeat(32);
const other = 'b'.repeat(32);
const token = (storeId: string | undefined): TokenIdentity => ({
  storeId,
  objects: 0,
  label: 'coffer',
  serial: '1',
  manufacturer: '',
  model: '',
});
const store = (keys: number) => ({ storeId: mine, accounts: 1, keys });

describe('store and token', () => {
  it('belong together by the canary', () => {
    expect(ownership(store(5), token(mine))).to.equal('ours');
  });

  it('a fresh store may claim a token without a canary', () => {
    expect(ownership(store(0), token(undefined))).to.equal('claimable');
  });

  it('a fresh store over a populated token is refused, with what to do', () => {
    expect(() => ownership(store(0), token(other)))
      .to.throw(OwnershipError)
      .with.property('message')
      .that.matches(/store is fresh.*restore that store/);
  });

  it("another store's token is refused", () => {
    expect(() => ownership(store(5), token(other))).to.throw(
      OwnershipError,
      /belongs to store b+, not to this store a+/,
    );
  });

  it('a store with keys over an empty token is refused: the keys are lost there', () => {
    expect(() => ownership(store(5), token(undefined))).to.throw(OwnershipError, /restore the token/);
  });
});

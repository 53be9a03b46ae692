import { expect } from 'chai';
import {
  bound,
  formatSecond,
  recordApiCall,
  recordServiceEvent,
  userIdentity,
} from '../../src/audit/build.ts';
import { makeRecord } from './fixture.ts';

const clock = { now: () => Date.UTC(2026, 0, 31, 23, 59, 59, 999), monotonic: () => 0 };
const call = {
  identity: userIdentity(undefined, 'AKIA'.repeat(1000)),
  operation: 'x'.repeat(5000),
  region: 'us-east-1',
  account: '111122223333',
  sourceIp: '::1',
  userAgent: `${'a'.repeat(1023)}😀`,
  requestId: 'r',
  readOnly: false,
  parameters: undefined,
  resources: [],
  error: { code: 'ValidationException', message: 'm'.repeat(5000) },
};

describe('an audit record', () => {
  it('bounds what a caller can make long, and cuts no character in two', () => {
    const record = recordApiCall(clock, call);
    expect(record.userIdentity.accessKeyId).to.have.length(128);
    expect(record.eventName).to.have.length(128);
    expect(record.errorMessage).to.have.length(1024);
    expect(record.userAgent).to.equal('a'.repeat(1023));
    expect(bound('a😀', 3)).to.equal('a😀');
  });

  it('says who called', () => {
    expect(userIdentity(undefined, undefined)).to.deep.equal({ type: 'Unknown' });
    expect(makeRecord().userIdentity).to.deep.equal({
      type: 'IAMUser',
      principalId: 'AIDAAAAAAAAAAAAAAAAAA',
      arn: 'arn:aws:iam::111122223333:user/alice',
      accountId: '111122223333',
      accessKeyId: 'AKIAAAAAAAAAAAAAAAAA',
      userName: 'alice',
    });
  });

  it('has the time to the second, the clock’s own, also when that jumps back', () => {
    expect(recordApiCall(clock, call).eventTime).to.equal('2026-01-31T23:59:59Z');
    expect(formatSecond(Date.UTC(2026, 1, 1))).to.equal('2026-02-01T00:00:00Z');
    expect(recordServiceEvent(clock, { ...call, name: 'DeleteKey' }).eventTime).to.equal(
      '2026-01-31T23:59:59Z',
    );
  });

  it('has an event id of its own, and null for what there is none of', () => {
    const [one, two] = [recordApiCall(clock, call), recordApiCall(clock, call)];
    expect(one.eventID)
      .to.match(/^[0-9a-f-]{36}$/)
      .and.not.to.equal(two.eventID);
    expect(one.requestParameters).to.equal(null);
    expect(one.responseElements).to.equal(null);
    expect(one).not.to.have.property('additionalEventData');
  });
});

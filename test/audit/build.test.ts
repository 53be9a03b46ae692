import { expect } from 'chai';
import {
  bound,
  formatSecond,
  recordApiCall,
  recordServiceEvent,
  userIdentity,
} from '../../src/audit/build.ts';
import { fits } from '../../src/audit/line.ts';
import { Bench, makeRecord } from './fixture.ts';

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
    const identity = { ...makeRecord().userIdentity, ...call.identity, type: 'IAMUser' } as const;
    const record = recordApiCall(clock, { ...call, identity });
    expect(record.userIdentity.accessKeyId).to.have.length(128);
    expect(record.eventName).to.have.length(128);
    expect(record.errorMessage).to.have.length(1024);
    expect(record.userAgent).to.equal('a'.repeat(1023));
    expect(bound('a😀', 3)).to.equal('a😀');
    const stranger = recordApiCall(clock, call);
    expect(stranger.errorMessage).to.have.length(256);
    expect(stranger.userAgent).to.equal('a'.repeat(256));
  });

  it('leaves out what is larger than CloudTrail allows, and says how large it was', () => {
    // `{"a":""}` takes eight bytes.
    const [within, surpasses] = [102_392, 102_393].map((length) => ({ a: 'x'.repeat(length) }));
    const parameters = (value: unknown) =>
      recordApiCall(clock, { ...call, parameters: value }).requestParameters;
    expect(parameters(within)).to.equal(within);
    const omitted = { omitted: true, originalSize: 102_401 };
    expect(parameters(surpasses)).to.deep.equal({ ...omitted, reason: 'requestParameters too large' });
    expect(recordApiCall(clock, { ...call, response: surpasses }).responseElements).to.deep.equal({
      ...omitted,
      reason: 'responseElements too large',
    });
    expect(parameters(Array(5_000).fill('é'.repeat(9)))).to.deep.include({ originalSize: 5_000 * 21 + 1 });
    const event = { name: 'DeleteKey', region: '', account: '', resources: [] };
    expect(recordServiceEvent(clock, { ...event, additional: surpasses }).additionalEventData).to.deep.equal({
      ...omitted,
      reason: 'additionalEventData too large',
    });
  });

  it('fits a trail, whatever it is made of', async () => {
    // As JSON six characters each.
    const text = '\u0001'.repeat(1_000_000);
    const escaped = (length: number) => ({ a: '\u0001'.repeat(length) });
    const resource = { accountId: text, type: text, ARN: text };
    const role = { principalId: text, arn: text, account: text, roleName: text };
    const caller = {
      type: 'AssumedRole',
      arn: text,
      principalId: text,
      account: text,
      userName: text,
      session: { issuedAt: 0, role },
    } as const;
    const largest = {
      region: text,
      account: text,
      requestId: text,
      parameters: escaped(17_065),
      response: escaped(17_065),
      additional: escaped(4_777),
      resources: Array(20).fill(resource),
    };
    const records = [
      recordApiCall(clock, {
        ...largest,
        identity: userIdentity(caller, text),
        operation: text,
        sourceIp: text,
        userAgent: text,
        readOnly: true,
        error: { code: text, message: text },
      }),
      recordServiceEvent(clock, { ...largest, name: text }),
    ];
    const bench = new Bench();
    try {
      const trail = await bench.open();
      for (const record of records) {
        expect(record.requestParameters).to.equal(largest.parameters);
        expect(record.responseElements).to.equal(largest.response);
        expect(record.additionalEventData).to.equal(largest.additional);
        expect(fits(record)).to.equal(true);
        await trail.append(record);
      }
    } finally {
      await bench.end();
    }
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

  it('says which role was assumed, and when', () => {
    const account = '111122223333';
    const role = {
      principalId: 'AROAAAAAAAAAAAAAAAAAA',
      arn: `arn:aws:iam::${account}:role/application`,
      account,
      roleName: 'application',
    };
    const caller = {
      type: 'AssumedRole',
      principalId: `${role.principalId}:blue`,
      arn: `arn:aws:sts::${account}:assumed-role/application/blue`,
      account,
      userName: undefined,
      session: { issuedAt: clock.now(), role },
    } as const;
    const attributes = { creationDate: '2026-01-31T23:59:59Z', mfaAuthenticated: 'false' };
    expect(userIdentity(caller, 'ASIAAAAAAAAAAAAAAAAA')).to.deep.equal({
      type: 'AssumedRole',
      principalId: `${role.principalId}:blue`,
      arn: `arn:aws:sts::${account}:assumed-role/application/blue`,
      accountId: account,
      accessKeyId: 'ASIAAAAAAAAAAAAAAAAA',
      sessionContext: {
        sessionIssuer: {
          type: 'Role',
          principalId: role.principalId,
          arn: role.arn,
          accountId: account,
          userName: 'application',
        },
        attributes,
      },
    });
    const own = { ...caller, type: 'IAMUser', session: { issuedAt: clock.now() } } as const;
    expect(userIdentity(own, undefined).sessionContext).to.deep.equal({ attributes });
  });

  it('names the service that was called', () => {
    expect(recordApiCall(clock, call).eventSource).to.equal('kms.amazonaws.com');
    expect(recordApiCall(clock, { ...call, source: 'sts.amazonaws.com' }).eventSource).to.equal(
      'sts.amazonaws.com',
    );
    const event = { name: 'CreateAccount', region: '', account: '', resources: [] };
    expect(recordServiceEvent(clock, { ...event, source: 'iam.amazonaws.com' }).eventSource).to.equal(
      'iam.amazonaws.com',
    );
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

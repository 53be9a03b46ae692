import { CloudTrail, type LookupEventsCommandInput } from '@aws-sdk/client-cloudtrail';
import { expect } from 'chai';
import { newKey, refused, service } from './shared.ts';

describe('LookupEvents, through the AWS SDK', () => {
  let cloudTrail: CloudTrail;
  before(async function () {
    this.timeout(60_000);
    const at = await service();
    const { region, credentials, url } = at;
    cloudTrail = new CloudTrail({ region, credentials, endpoint: url, maxAttempts: 1 });
  });
  after(() => cloudTrail?.destroy());

  const lookUp = async (AttributeKey: 'EventName' | 'ResourceName', AttributeValue: string) => {
    const { Events = [] } = await cloudTrail.lookupEvents({
      LookupAttributes: [{ AttributeKey, AttributeValue }],
    });
    return Events;
  };

  it('a request is found as soon as it was answered, refused ones too, newest first', async () => {
    const client = (await service()).client();
    const { id: KeyId, arn } = await newKey(client);
    await client.encrypt({ KeyId, Plaintext: Buffer.from('x'), EncryptionContext: { tenant: 'blue' } });
    await client.disableKey({ KeyId });
    await refused(client.encrypt({ KeyId, Plaintext: Buffer.from('secret') }), 'DisabledException');
    const found = await lookUp('ResourceName', arn);
    expect(found.map(({ EventName }) => EventName)).to.have.members([
      'Encrypt',
      'DisableKey',
      'Encrypt',
      'CreateKey',
    ]);
    const records = found.map(({ CloudTrailEvent = '' }) => JSON.parse(CloudTrailEvent));
    expect(records.map(({ errorCode }) => errorCode)).to.include('DisabledException');
    expect(records.map(({ requestParameters }) => requestParameters?.encryptionContext)).to.deep.include({
      tenant: 'blue',
    });
    expect(JSON.stringify(records)).to.not.include(Buffer.from('secret').toString('base64'));
    const [newest] = found;
    expect(newest).to.include({ EventSource: 'kms.amazonaws.com', Username: 'administrator' });
    expect(newest?.EventTime).to.be.instanceOf(Date);
    expect(newest?.Resources).to.deep.include({ ResourceType: 'AWS::KMS::Key', ResourceName: arn });
  });

  it('a list comes in pages, each event once', async () => {
    const client = (await service()).client();
    const { id: KeyId, arn } = await newKey(client);
    for (let left = 7; left > 0; left -= 1) await client.describeKey({ KeyId });
    const seen: (string | undefined)[] = [];
    let NextToken: string | undefined;
    do {
      const page = await cloudTrail.lookupEvents({
        LookupAttributes: [{ AttributeKey: 'ResourceName', AttributeValue: arn }],
        MaxResults: 3,
        ...(NextToken !== undefined && { NextToken }),
      });
      expect(page.Events?.length).to.be.within(1, 3);
      seen.push(...(page.Events ?? []).map(({ EventId }) => EventId));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(seen).to.have.length(8);
    expect(new Set(seen)).to.have.property('size', 8);
  });

  it('a time range leaves out what was before and after', async () => {
    const client = (await service()).client();
    await client.listKeys({});
    const hour = 3_600_000;
    const count = async (input: LookupEventsCommandInput) =>
      (await cloudTrail.lookupEvents(input)).Events?.length ?? 0;
    expect(await count({ StartTime: new Date(Date.now() + hour) })).to.equal(0);
    expect(await count({ EndTime: new Date(Date.now() - hour) })).to.equal(0);
    expect(await count({ StartTime: new Date(Date.now() - hour) })).to.be.above(0);
  });

  it('looking events up is an event', async () => {
    await lookUp('EventName', 'Nothing');
    const [event] = await lookUp('EventName', 'LookupEvents');
    expect(event).to.include({ EventSource: 'cloudtrail.amazonaws.com', ReadOnly: 'true' });
  });

  it('what makes no sense is refused by the names that AWS has', async () => {
    const attributes = [
      { AttributeKey: 'EventName', AttributeValue: 'Encrypt' },
      { AttributeKey: 'Username', AttributeValue: 'x' },
    ] as const;
    const cases: [LookupEventsCommandInput, string][] = [
      [{ MaxResults: 51 }, 'InvalidMaxResultsException'],
      [{ NextToken: 'x' }, 'InvalidNextTokenException'],
      [{ StartTime: new Date(2_000), EndTime: new Date(1_000) }, 'InvalidTimeRangeException'],
      [{ LookupAttributes: [...attributes] }, 'InvalidLookupAttributesException'],
    ];
    for (const [input, name] of cases) await refused(cloudTrail.lookupEvents(input), name);
  });
});

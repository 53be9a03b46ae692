import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { principal, sign, type ToSign } from '../identity/signing.ts';
import { type Answer, type Api, call, send, startApi } from './api.ts';

const form = 'application/x-www-form-urlencoded; charset=utf-8';

describe('the services on one address', () => {
  let api: Api;
  beforeEach(async () => {
    api = await startApi();
  });
  afterEach(() => api.close(0));

  async function query(service: string, body: string, more: ToSign = {}): Promise<Answer> {
    const host = `127.0.0.1:${api.port}`;
    const signed = await sign({
      host,
      service,
      body,
      ...more,
      headers: { 'content-type': form, ...more.headers },
    });
    return await send(api, signed);
  }

  it('are told apart by target and version', async () => {
    await call(api, 'Encrypt', '{}');
    for (const target of [
      'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents',
      'CloudTrail_20131101.LookupEvents',
    ]) {
      await call(api, 'LookupEvents', '{}', { service: 'cloudtrail', headers: { 'x-amz-target': target } });
    }
    await query('iam', 'Action=ListUsers&Version=2010-05-08');
    await query('sts', 'Action=GetCallerIdentity&Version=2011-06-15');
    expect(api.calls.map(({ service, operation }) => `${service}:${operation}`)).to.deep.equal([
      'kms:Encrypt',
      'cloudtrail:LookupEvents',
      'cloudtrail:LookupEvents',
      'iam:ListUsers',
      'sts:GetCallerIdentity',
    ]);
    expect(api.refusals).to.deep.equal([]);
  });

  it('answer AWS Query in XML', async () => {
    api.dispatch = async () => ({ User: { UserName: 'a<b', CreateDate: new Date(0) } });
    const answer = await query('iam', 'Action=GetUser&Version=2010-05-08&UserName=a');
    const id = answer.headers['x-amzn-requestid'];
    expect(answer.status).to.equal(200);
    expect(answer.headers['content-type']).to.equal('text/xml');
    expect(answer.text).to.equal(
      '<GetUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetUserResult><User>' +
        '<UserName>a&lt;b</UserName><CreateDate>1970-01-01T00:00:00Z</CreateDate></User></GetUserResult>' +
        `<ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></GetUserResponse>`,
    );
    expect(api.calls[0]).to.include({ region: 'us-east-1', requestId: id, principal });
    expect(api.calls[0]?.input).to.deep.equal({ UserName: 'a' });
  });

  it('answer an operation without output with metadata alone', async () => {
    api.dispatch = async () => undefined;
    const answer = await query('iam', 'Action=DeleteUser&Version=2010-05-08&UserName=a');
    expect(answer.text).to.match(
      /^<DeleteUserResponse xmlns="[^"]+"><ResponseMetadata><RequestId>[-0-9a-f]+<\/RequestId><\/ResponseMetadata><\/DeleteUserResponse>$/,
    );
  });

  for (const [code, service, status, type, name] of [
    ['AccessDeniedException', 'iam', 403, 'Sender', 'AccessDenied'],
    ['NoSuchEntityException', 'iam', 404, 'Sender', 'NoSuchEntity'],
    ['EntityAlreadyExistsException', 'iam', 409, 'Sender', 'EntityAlreadyExists'],
    ['LimitExceededException', 'iam', 409, 'Sender', 'LimitExceeded'],
    ['MalformedPolicyDocumentException', 'sts', 400, 'Sender', 'MalformedPolicyDocument'],
    ['ValidationException', 'sts', 400, 'Sender', 'ValidationError'],
    ['ThrottlingException', 'sts', 400, 'Sender', 'Throttling'],
    ['UnsupportedOperationException', 'sts', 400, 'Sender', 'InvalidAction'],
    ['KMSInternalException', 'sts', 500, 'Receiver', 'InternalFailure'],
    ['KMSInternalException', 'iam', 500, 'Receiver', 'ServiceFailure'],
    ['DependencyTimeoutException', 'sts', 503, 'Receiver', 'ServiceUnavailable'],
  ] as const) {
    it(`call ${code} of ${service} ${name}`, async () => {
      api.dispatch = async () => {
        throw new KmsError(code, 'why & how');
      };
      const version = service === 'iam' ? '2010-05-08' : '2011-06-15';
      const answer = await query(service, `Action=Any&Version=${version}`);
      const id = answer.headers['x-amzn-requestid'];
      expect(answer.status).to.equal(status);
      expect(answer.headers['content-type']).to.equal('text/xml');
      expect(answer.text).to.equal(
        `<ErrorResponse xmlns="https://${service}.amazonaws.com/doc/${version}/"><Error><Type>${type}</Type>` +
          `<Code>${name}</Code><Message>why &amp; how</Message></Error><RequestId>${id}</RequestId></ErrorResponse>`,
      );
    });
  }

  it('tell a caller of AWS Query whose signature is no good by the names that it has for that', async () => {
    const body = 'Action=GetCallerIdentity&Version=2011-06-15';
    const unsigned = { method: 'POST', url: '/', headers: { 'content-type': form }, body: Buffer.from(body) };
    for (const [given, status, code] of [
      [await send(api, unsigned), 403, 'MissingAuthenticationToken'],
      [await query('sts', body, { accessKeyId: 'AKIANOBODY0000000000' }), 403, 'InvalidClientTokenId'],
      [await query('sts', body, { secretAccessKey: 'guessed' }), 403, 'SignatureDoesNotMatch'],
      [
        await send(api, {
          ...unsigned,
          headers: { ...unsigned.headers, authorization: 'AWS4-HMAC-SHA256 a' },
        }),
        400,
        'IncompleteSignature',
      ],
    ] as const) {
      expect(given.status).to.equal(status);
      expect(given.text).to.include(`<Code>${code}</Code>`);
    }
    expect(api.calls).to.deep.equal([]);
    expect(api.refusals.length).to.equal(4);
  });

  it('take no signature that was made for another of them', async () => {
    const wrong = "Credential should be scoped to correct service: '";
    for (const [answer, right] of [
      [await query('sts', 'Action=ListUsers&Version=2010-05-08'), 'iam'],
      [await query('iam', 'Action=GetCallerIdentity&Version=2011-06-15'), 'sts'],
      [await query('kms', 'Action=GetCallerIdentity&Version=2011-06-15'), 'sts'],
      [await call(api, 'Encrypt', '{}', { service: 'iam' }), 'kms'],
      [
        await call(api, 'LookupEvents', '{}', {
          service: 'kms',
          headers: { 'x-amz-target': 'CloudTrail_20131101.LookupEvents' },
        }),
        'cloudtrail',
      ],
    ] as const) {
      expect(answer.status, answer.text).to.be.oneOf([400, 403]);
      expect(answer.json?.message ?? answer.text.replaceAll('&apos;', "'")).to.include(`${wrong}${right}'`);
    }
    expect(api.calls).to.deep.equal([]);
  });

  it('refuse what names no operation that there could be', async () => {
    for (const [body, code, text] of [
      ['Version=2011-06-15', 'InvalidAction', 'NO_OPERATION_SPECIFIED for version 2011-06-15'],
      ['Action=GetCallerIdentity', 'InvalidAction', 'GetCallerIdentity for version NO_VERSION_SPECIFIED'],
      ['Action=GetCallerIdentity&Version=2020-01-01', 'InvalidAction', 'for version 2020-01-01'],
      ['Action=GetCallerIdentity&Version=constructor', 'InvalidAction', 'for version constructor'],
      ['Action=A&Action=B&Version=2011-06-15', 'MalformedQueryString', 'twice'],
    ] as const) {
      const answer = await query('sts', body);
      expect(answer.text).to.include(`<Code>${code}</Code>`).and.to.include(text);
    }
    expect(api.calls).to.deep.equal([]);
    expect(api.refusals.map(({ refusal }) => refusal.service)).to.deep.equal(Array(5).fill('sts'));
    expect(api.refusals.map(({ refusal }) => refusal.principal)).to.deep.equal(Array(5).fill(principal));
  });

  it('that are of no region take a signature of us-east-1 too', async () => {
    const elsewhere = await startApi({ region: 'eu-central-1' });
    try {
      const host = `127.0.0.1:${elsewhere.port}`;
      const ask = async (service: string, region: string) => {
        const version = service === 'iam' ? '2010-05-08' : '2011-06-15';
        const headers = { 'content-type': form };
        const body = `Action=Any&Version=${version}`;
        return (await send(elsewhere, await sign({ host, service, region, body, headers }))).status;
      };
      for (const service of ['iam', 'sts']) {
        expect(await ask(service, 'us-east-1')).to.equal(200);
        expect(await ask(service, 'eu-central-1')).to.equal(200);
        expect(await ask(service, 'eu-west-1')).to.equal(403);
      }
      expect((await call(elsewhere, 'Encrypt', '{}', { region: 'eu-central-1' })).status).to.equal(200);
      expect((await call(elsewhere, 'Encrypt', '{}', { region: 'us-east-1' })).status).to.equal(400);
    } finally {
      await elsewhere.close(0);
    }
  });
});

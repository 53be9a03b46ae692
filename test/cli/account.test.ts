import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { controlSocket } from '../../src/app/control.ts';
import { recordsOf, trailText } from '../clients/operator.ts';
import { refused } from '../clients/shared.ts';
import { type Service, startService } from '../service.ts';
import { type Clients, clientsOf, coffer, complaint, makeAccount, profileIn } from './coffer.ts';

describe('coffer account', function () {
  this.timeout(60_000);
  let at: Service;
  const clients: Clients[] = [];
  const as = (file: string, profile: string) => {
    const made = clientsOf(at, profileIn(file, profile));
    clients.push(made);
    return made;
  };

  before(async () => {
    at = await startService({ workers: 1, hosts: 1 });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    if (at.pids().length === 0) await at.start();
  });
  after(() => at.remove());

  it('creates an account while the service runs, with an administrator who can begin at once', async () => {
    const { account, name, accessKeyId, profile, file } = await makeAccount(at, '--account', '210987654321');
    expect({ account, profile }).to.deep.equal({ account: '210987654321', profile: `coffer-${name}` });
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const { sts, kms } = as(file, profile);
    expect(profileIn(file, profile).accessKeyId).to.equal(accessKeyId);
    expect(await sts.getCallerIdentity({})).to.include({
      Account: account,
      Arn: `arn:aws:iam::${account}:user/administrator`,
    });
    const { KeyMetadata } = await kms.createKey({});
    expect(KeyMetadata?.AWSAccountId).to.equal(account);
    const first = at.client();
    await first.createKey({});
    expect((await kms.listKeys({})).Keys?.length).to.equal(1);
    await refused(first.describeKey({ KeyId: KeyMetadata?.Arn }), 'AccessDeniedException');
    expect(readFileSync(join(dirname(file), 'config'), 'utf8')).to.include(`[profile ${profile}]\n`);
  });

  it('creates one while the service doesn’t run, which is there when it does', async () => {
    await at.stop();
    expect(existsSync(controlSocket(at.storeFile))).to.equal(false);
    const { account, file, profile } = await makeAccount(at);
    await at.start();
    expect((await as(file, profile).sts.getCallerIdentity({})).Account).to.equal(account);
  });

  it('is not misled by the socket of a service that was killed', async () => {
    await at.kill9();
    expect(existsSync(controlSocket(at.storeFile))).to.equal(true);
    const { account, file, profile } = await makeAccount(at);
    await at.start();
    expect((await as(file, profile).sts.getCallerIdentity({})).Account).to.equal(account);
    expect((await makeAccount(at)).account).to.match(/^\d{12}$/);
  });

  it('keeps its socket to its user', () => {
    expect(statSync(controlSocket(at.storeFile)).mode & 0o777).to.equal(0o600);
  });

  it('has each step in the trail, with who did it, and the secret nowhere but in the file', async () => {
    const running = await makeAccount(at);
    await at.stop();
    const stopped = await makeAccount(at);
    await at.start();
    for (const { account, name, accessKeyId, file, profile } of [running, stopped]) {
      const [made, user, key] = ['CreateAccount', 'CreateUser', 'CreateAccessKey'].map((operation) =>
        recordsOf(at, operation).find(({ recipientAccountId }) => recipientAccountId === account),
      );
      for (const record of [made, user, key]) {
        expect(record).to.deep.include({
          eventSource: 'iam.amazonaws.com',
          userIdentity: { type: 'AWSService', invokedBy: 'coffer account' },
          additionalEventData: { operator: userInfo().username },
          readOnly: false,
        });
      }
      expect(made.requestParameters).to.deep.equal({ accountName: name, accountId: account });
      expect(user.requestParameters.userName).to.equal('administrator');
      expect(key.responseElements.accessKey.accessKeyId).to.equal(accessKeyId);
      const { secretAccessKey } = profileIn(file, profile);
      expect((trailText(at) + at.log.join('\n') + at.output).includes(secretAccessKey)).to.equal(false);
    }
  });

  it('lists the accounts', async () => {
    const { account, name } = await makeAccount(at);
    const lines = (await coffer(at, 'account', 'list')).trimEnd().split('\n');
    expect(
      lines.some((line) => new RegExp(`^${at.account}  \\d{4}-\\d\\d-\\d\\d  main$`).test(line)),
    ).to.equal(true);
    expect(lines.some((line) => line.startsWith(`${account}  `) && line.endsWith(`  ${name}`))).to.equal(
      true,
    );
  });

  it('puts several accounts’ profiles into one file, and leaves the others as they are', async () => {
    const file = join(at.folder, 'aws/many');
    await coffer(at, 'account', 'create', 'red', '--credentials', file);
    const before = readFileSync(file, 'utf8');
    await coffer(at, 'account', 'create', 'green', '--credentials', file);
    expect(readFileSync(file, 'utf8').startsWith(before)).to.equal(true);
    for (const profile of ['coffer-red', 'coffer-green']) await as(file, profile).kms.listKeys({});
  });

  it('creates nothing where a file holds what isn’t its own, or a name or number is taken or none', async () => {
    const { account, name, file } = await makeAccount(at);
    const accounts = await coffer(at, 'account', 'list');
    const theirs = join(at.folder, 'aws/theirs');
    writeFileSync(theirs, '[default]\naws_access_key_id = a\naws_secret_access_key = b\n');
    const fresh = join(at.folder, 'aws/fresh');
    for (const [said, ...args] of [
      [/name another file with --credentials/, 'create', 'blue', '--credentials', theirs],
      [/there is an account `team-\d+` already: .*admin reset/, 'create', name, '--credentials', file],
      [/is taken: give another/, 'create', 'blue', '--account', account, '--credentials', fresh],
      [/give twelve digits/, 'create', 'blue', '--account', '12', '--credentials', fresh],
      [/is no name for an account/, 'create', 'a b', '--credentials', fresh],
      [/^coffer account: usage:/, 'create'],
      [/^coffer account: usage:/, 'remove', name],
    ] as const) {
      expect(await complaint(at, 'account', ...args)).to.match(said);
    }
    expect(await coffer(at, 'account', 'list')).to.equal(accounts);
    expect(readFileSync(theirs, 'utf8')).to.include('[default]');
    expect(existsSync(fresh)).to.equal(false);
  });

  it('says where there is no store what makes one', async () => {
    const configFile = join(at.folder, 'empty.json');
    const config = JSON.parse(readFileSync(at.configFile, 'utf8'));
    writeFileSync(
      configFile,
      JSON.stringify({ ...config, store: { file: join(at.folder, 'none/coffer.db') } }),
    );
    expect(await complaint({ configFile }, 'account', 'list')).to.match(
      /there is no store .*`coffer init` makes one/,
    );
    expect(existsSync(join(at.folder, 'none'))).to.equal(false);
  });
});

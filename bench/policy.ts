/**
 * What a decision costs, warm: nanoseconds for several shapes, each with a key policy of 3 statements and 2
 * identity-based policies unless it says otherwise. `node bench/policy.ts [MILLISECONDS]`.
 */
import { compilePolicy } from '../src/policy/compile.ts';
import { type AccessRequest, decide, type Policies } from '../src/policy/decide.ts';
import { parsePolicy } from '../src/policy/parse.ts';

const account = '111111111111';
const userArn = `arn:aws:iam::${account}:user/team/alice`;
const key = `arn:aws:kms:us-east-1:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

const keyText = JSON.stringify({
  Version: '2012-10-17',
  Id: 'bench',
  Statement: [
    {
      Sid: 'Enable IAM User Permissions',
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${account}:root` },
      Action: 'kms:*',
      Resource: '*',
    },
    {
      Sid: 'Only with a tenant',
      Effect: 'Deny',
      Principal: '*',
      Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
      Resource: '*',
      Condition: { Null: { 'kms:EncryptionContext:tenant': 'true' } },
    },
    {
      Sid: 'The application',
      Effect: 'Allow',
      Principal: { AWS: 'AROAAPPLICATION' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: { StringEquals: { 'kms:EncryptionContext:tenant': ['blue', 'green'] } },
    },
  ],
});

const managedText = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['iam:Get*', 'iam:List*'], Resource: '*' },
    {
      Effect: 'Allow',
      Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:DescribeKey'],
      Resource: `arn:aws:kms:*:${account}:key/*`,
      Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '203.0.113.0/24'] } },
    },
  ],
});
const inlineText = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Deny',
      Action: 'kms:*',
      Resource: '*',
      Condition: { StringNotLike: { 'kms:EncryptionContext:tenant': `\${aws:PrincipalTag/team}*` } },
    },
  ],
});

const context: ReadonlyMap<string, string> = new Map([
  ['aws:username', 'alice'],
  ['aws:principaltag/team', 'bl'],
  ['aws:sourceip', '203.0.113.7'],
  ['kms:encryptioncontext:tenant', 'blue'],
]);

const user: AccessRequest = {
  principal: { type: 'IAMUser', account, arn: userArn, principalId: 'AIDAALICE' },
  action: 'kms:Encrypt',
  resource: key,
  resourceAccount: account,
  context: (name) => context.get(name),
};
const session: AccessRequest = {
  ...user,
  principal: {
    type: 'AssumedRole',
    account,
    arn: `arn:aws:sts::${account}:assumed-role/app/one`,
    principalId: 'AROAAPPLICATION:one',
    role: { arn: `arn:aws:iam::${account}:role/app`, roleId: 'AROAAPPLICATION' },
  },
  action: 'kms:Decrypt',
};

const resource = compilePolicy(parsePolicy(keyText, 'key'), { type: 'key policy', id: key });
const managed = compilePolicy(parsePolicy(managedText, 'identity'), { type: 'managed policy', id: 'm' });
const inline = compilePolicy(parsePolicy(inlineText, 'identity'), { type: 'user policy', id: 'i' });
const usual: Policies = { identity: [managed, inline], resource };

const wild = compilePolicy(
  parsePolicy(
    JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        Effect: 'Allow',
        Action: 'kms:*',
        Resource: '*',
        Condition: { StringLike: { 'aws:UserAgent': `${'*?a'.repeat(200)}*b*` } },
      },
    }),
    'identity',
  ),
  { type: 'user policy', id: 'w' },
);
const longAgent = 'a'.repeat(8_192);

const shapes: readonly (readonly [string, AccessRequest, Policies])[] = [
  ['delegated to the account, conditions and a variable', user, usual],
  ['role named in the key policy', session, { identity: [managed], resource }],
  [
    'the same with boundary and session policy',
    session,
    {
      identity: [managed],
      resource,
      boundary: managed,
      session: [managed],
    },
  ],
  [
    'denied, nothing allows',
    { ...user, action: 'kms:ScheduleKeyDeletion' },
    { identity: [managed], resource },
  ],
  [
    'denied by a statement',
    { ...user, context: (name) => (name.startsWith('kms:') ? undefined : context.get(name)) },
    usual,
  ],
  [
    'no key policy (an alias), one identity policy',
    { ...user, action: 'iam:GetUser' },
    { identity: [managed] },
  ],
  [
    '200 wildcards against 8 KiB',
    {
      ...user,
      context: (name) => (name === 'aws:useragent' ? longAgent : context.get(name)),
    },
    { identity: [wild], resource },
  ],
];

const milliseconds = Number(process.argv[2] ?? '300');

function measure(request: AccessRequest, policies: Policies): { nanoseconds: number; allowed: boolean } {
  let allowed = false;
  const run = (until: number) => {
    let decisions = 0;
    let now = performance.now();
    const began = now;
    while (now < began + until) {
      for (let batch = 0; batch < 64; batch++) allowed = decide(request, policies).allowed;
      decisions += 64;
      now = performance.now();
    }
    return ((now - began) * 1e6) / decisions;
  };
  run(milliseconds / 2);
  return { nanoseconds: run(milliseconds), allowed };
}

for (const [name, request, policies] of shapes) {
  const { nanoseconds, allowed } = measure(request, policies);
  console.log(`${nanoseconds.toFixed(0).padStart(8)} ns  ${allowed ? 'allowed' : 'denied '}  ${name}`);
}
const began = performance.now();
const compiles = 2_000;
for (let i = 0; i < compiles; i++)
  compilePolicy(parsePolicy(keyText, 'key'), { type: 'key policy', id: key });
const each = ((performance.now() - began) * 1e6) / compiles;
console.log(`${each.toFixed(0).padStart(8)} ns           reading and compiling the key policy`);

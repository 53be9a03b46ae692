import { expect } from 'chai';
import { allow, assembly, iam, newUser, refused, unique } from './fixture.ts';

interface Evaluation {
  readonly EvalActionName: string;
  readonly EvalResourceName: string;
  readonly EvalDecision: string;
  readonly MatchedStatements: readonly {
    readonly SourcePolicyId: string;
    readonly SourcePolicyType: string;
    readonly StartPosition: object;
  }[];
  readonly MissingContextValues: readonly string[];
  readonly PermissionsBoundaryDecisionDetail?: object;
}

interface Simulated {
  readonly EvaluationResults: readonly Evaluation[];
  readonly IsTruncated: boolean;
  readonly Marker?: string;
}

async function simulate(operation: string, input: Record<string, unknown>): Promise<readonly Evaluation[]> {
  return (await iam<Simulated>(operation, input)).EvaluationResults;
}

const decisions = (results: readonly Evaluation[]) => results.map(({ EvalDecision }) => EvalDecision);

describe('simulations', function () {
  this.timeout(20_000);

  it('of policies that are only told decide, and say where the statement stands', async () => {
    const input = { PolicyInputList: [allow('kms:Decrypt')], ActionNames: ['kms:Decrypt', 'kms:Encrypt'] };
    const [decrypt, encrypt] = await simulate('SimulateCustomPolicy', input);
    expect(decrypt).to.deep.include({
      EvalActionName: 'kms:Decrypt',
      EvalResourceName: '*',
      EvalDecision: 'allowed',
      MissingContextValues: [],
    });
    expect(decrypt?.MatchedStatements).to.have.length(1);
    expect(decrypt?.MatchedStatements[0]).to.deep.include({
      SourcePolicyId: 'PolicyInputList.1',
      SourcePolicyType: 'none',
      // Behind the brace, as AWS counts.
      StartPosition: { Line: 1, Column: allow('kms:Decrypt').indexOf('{"Effect') + 2 },
    });
    expect(encrypt).to.deep.include({ EvalDecision: 'implicitDeny', MatchedStatements: [] });
  });

  it('say which context they lack, and take what is told', async () => {
    const condition = { StringEquals: { 'aws:SourceVpc': 'one', 'kms:EncryptionContext:tenant': 'blue' } };
    const input = {
      PolicyInputList: [allow('kms:Decrypt', { Condition: condition })],
      ActionNames: ['kms:Decrypt'],
    };
    const [lacking] = await simulate('SimulateCustomPolicy', input);
    expect(lacking?.EvalDecision).to.equal('implicitDeny');
    expect(lacking?.MissingContextValues).to.have.members(['aws:SourceVpc', 'kms:EncryptionContext:tenant']);
    const entry = (ContextKeyName: string, value: string) => ({
      ContextKeyName,
      ContextKeyValues: [value],
      ContextKeyType: 'string',
    });
    const told = [entry('AWS:sourcevpc', 'one'), entry('kms:EncryptionContext:tenant', 'blue')];
    const results = await simulate('SimulateCustomPolicy', { ...input, ContextEntries: told });
    expect(decisions(results)).to.deep.equal(['allowed']);
    expect(
      await iam('GetContextKeysForCustomPolicy', { PolicyInputList: input.PolicyInputList }),
    ).to.deep.equal({ ContextKeyNames: ['aws:SourceVpc', 'kms:EncryptionContext:tenant'] });
  });

  it('of a user count its groups and its boundary, and agree with what really happens', async () => {
    const at = await assembly();
    const user = await newUser(allow('iam:GetUser'));
    const group = unique('group');
    await iam('CreateGroup', { GroupName: group });
    await iam('AttachGroupPolicy', {
      GroupName: group,
      PolicyArn: 'arn:aws:iam::aws:policy/IAMFullAccess',
    });
    await iam('AddUserToGroup', { GroupName: group, UserName: user.userName });
    await iam('PutUserPermissionsBoundary', {
      UserName: user.userName,
      PermissionsBoundary: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess',
    });
    const input = {
      PolicySourceArn: user.arn,
      ActionNames: ['iam:GetUser', 'iam:ListUsers', 'iam:DeleteUser'],
    };
    const results = await simulate('SimulatePrincipalPolicy', input);
    expect(decisions(results)).to.deep.equal(['allowed', 'allowed', 'implicitDeny']);
    const [get, , remove] = results;
    const sources = get?.MatchedStatements.map(
      ({ SourcePolicyType, SourcePolicyId }) => `${SourcePolicyType} ${SourcePolicyId}`,
    );
    expect(sources).to.include.members(['user own', 'aws-managed IAMFullAccess']);
    expect(remove?.PermissionsBoundaryDecisionDetail).to.deep.equal({
      AllowedByPermissionsBoundary: false,
    });
    await iam('GetUser', {}, user);
    await iam('ListUsers', {}, user);
    await refused(iam('DeleteUser', { UserName: 'x' }, user), 'AccessDeniedException');
    const ofGroup = await simulate('SimulatePrincipalPolicy', {
      ...input,
      PolicySourceArn: `arn:aws:iam::${at.root.account}:group/${group}`,
    });
    expect(decisions(ofGroup)).to.deep.equal(['allowed', 'allowed', 'allowed']);
  });

  it('on a key count its policy', async () => {
    const at = await assembly();
    const user = await newUser(allow('kms:Encrypt'));
    const { KeyMetadata } = await at.call<{ KeyMetadata: { KeyId: string; Arn: string } }>('CreateKey', {});
    const simulateOn = (action: string) =>
      simulate('SimulatePrincipalPolicy', {
        PolicySourceArn: user.arn,
        ActionNames: [action],
        ResourceArns: [KeyMetadata.Arn],
      });
    expect(decisions(await simulateOn('kms:Encrypt'))).to.deep.equal(['allowed']);
    await at.call('PutKeyPolicy', {
      KeyId: KeyMetadata.KeyId,
      Policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { AWS: at.root.arn }, Action: 'kms:*', Resource: '*' },
          { Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'kms:Decrypt', Resource: '*' },
          { Effect: 'Deny', Principal: { AWS: user.arn }, Action: 'kms:Encrypt', Resource: '*' },
        ],
      }),
    });
    const [encrypt] = await simulateOn('kms:Encrypt');
    expect(encrypt).to.include({ EvalDecision: 'explicitDeny' });
    expect(encrypt?.MatchedStatements[0]).to.deep.include({ SourcePolicyType: 'resource' });
    expect(decisions(await simulateOn('kms:Decrypt'))).to.deep.equal(['allowed']);
  });

  it('come in pages, each action on each resource once', async () => {
    const resources = [
      'arn:aws:kms:us-east-1:111122223333:key/a',
      'arn:aws:kms:us-east-1:111122223333:key/b',
    ];
    const input = {
      PolicyInputList: [allow('kms:*', { Resource: resources[0] })],
      ActionNames: ['kms:Decrypt', 'kms:Encrypt'],
      ResourceArns: resources,
    };
    const found: string[] = [];
    for (let marker: string | undefined, more = true; more; ) {
      const page: Simulated = await iam('SimulateCustomPolicy', {
        ...input,
        MaxItems: '3',
        ...(marker && { Marker: marker }),
      });
      for (const { EvalActionName, EvalResourceName, EvalDecision } of page.EvaluationResults) {
        found.push(`${EvalActionName} ${EvalResourceName.slice(-1)} ${EvalDecision}`);
      }
      marker = page.Marker;
      more = page.IsTruncated;
    }
    expect(found).to.deep.equal([
      'kms:Decrypt a allowed',
      'kms:Decrypt b implicitDeny',
      'kms:Encrypt a allowed',
      'kms:Encrypt b implicitDeny',
    ]);
  });

  it('need permission on whom they are about, and a document that can be read', async () => {
    const user = await newUser(allow('iam:SimulatePrincipalPolicy', { Resource: 'arn:aws:iam::*:user/me' }));
    await refused(
      iam('SimulatePrincipalPolicy', { PolicySourceArn: user.arn, ActionNames: ['kms:Encrypt'] }, user),
      'AccessDeniedException',
    );
    await refused(
      iam('SimulateCustomPolicy', { PolicyInputList: ['{}'], ActionNames: ['kms:Encrypt'] }),
      'InvalidInputException',
      /Invalid policy/,
    );
    const { root } = await assembly();
    await refused(
      iam('SimulatePrincipalPolicy', { PolicySourceArn: root.arn, ActionNames: ['kms:Encrypt'] }),
      'InvalidInputException',
      `Invalid Entity Arn: ${root.arn} does not clearly define entity type and name.`,
    );
  });
});

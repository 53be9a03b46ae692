import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment, type Service } from '../service.ts';
import { service } from './shared.ts';

const run = promisify(execFile);

const configuration = (url: string, team: string) => `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region      = "us-east-1"
  max_retries = 1
  endpoints {
    iam = "${url}"
    sts = "${url}"
    kms = "${url}"
  }
}

data "aws_iam_policy_document" "inline" {
  statement {
    actions   = ["kms:Decrypt"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:tenant"
      values   = ["${team}"]
    }
  }
}

resource "aws_iam_policy" "policy" {
  name        = "terraform"
  description = "made by Terraform"
  tags        = { team = "${team}" }
  policy      = data.aws_iam_policy_document.inline.json
}

resource "aws_iam_user" "user" {
  name                 = "terraform"
  path                 = "/machines/"
  permissions_boundary = aws_iam_policy.policy.arn
  force_destroy        = true
  tags                 = { team = "${team}" }
}

resource "aws_iam_access_key" "key" {
  user = aws_iam_user.user.name
}

resource "aws_iam_user_policy" "user" {
  name   = "inline"
  user   = aws_iam_user.user.name
  policy = data.aws_iam_policy_document.inline.json
}

resource "aws_iam_user_policy_attachment" "user" {
  user       = aws_iam_user.user.name
  policy_arn = aws_iam_policy.policy.arn
}

resource "aws_iam_group" "group" {
  name = "terraform"
}

resource "aws_iam_group_policy_attachment" "group" {
  group      = aws_iam_group.group.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_user_group_membership" "user" {
  user   = aws_iam_user.user.name
  groups = [aws_iam_group.group.name]
}

resource "aws_iam_role" "role" {
  name                 = "terraform"
  description          = "${team}"
  max_session_duration = 7200
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = aws_iam_user.user.arn }
    }]
  })
}

resource "aws_iam_role_policy" "role" {
  name   = "inline"
  role   = aws_iam_role.role.name
  policy = data.aws_iam_policy_document.inline.json
}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "key" {
  description             = "${team}"
  enable_key_rotation     = true
  rotation_period_in_days = 180
  deletion_window_in_days = 7
  tags                    = { team = "${team}" }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.role.arn }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
      }
    ]
  })
}

resource "aws_kms_alias" "key" {
  name          = "alias/terraform"
  target_key_id = aws_kms_key.key.key_id
}

resource "aws_kms_grant" "role" {
  name              = "terraform"
  key_id            = aws_kms_key.key.key_id
  grantee_principal = aws_iam_role.role.arn
  operations        = ["Encrypt", "DescribeKey"]
  constraints {
    encryption_context_subset = { tenant = "blue" }
  }
}

resource "aws_kms_key" "signing" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 7
}

data "aws_kms_public_key" "signing" {
  key_id = aws_kms_key.signing.key_id
}
`;

/** Starting the provider takes its time, and a plan starts it anew. */
describe('Terraform', function () {
  this.timeout(240_000);
  let at: Service;
  let folder = '';

  const terraform = async (...args: string[]): Promise<string> => {
    const given = process.env.TF_CLI_CONFIG_FILE;
    const env = cleanEnvironment({
      AWS_ACCESS_KEY_ID: at.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: at.credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      CHECKPOINT_DISABLE: '1',
      ...(given !== undefined && { TF_CLI_CONFIG_FILE: given }),
    });
    return (await run('terraform', [...args, '-no-color'], { cwd: folder, env })).stdout;
  };

  before(async function () {
    at = await service();
    folder = mkdtempSync(join(tmpdir(), 'coffer-terraform-'));
    writeFileSync(join(folder, 'main.tf'), configuration(at.url, 'red'));
    try {
      await terraform('init');
    } catch {
      console.error('      Terraform or its provider for AWS is missing');
      this.skip();
    }
  });

  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  it('makes users, groups, roles, policies, keys, aliases and grants, finds them as they are, changes and removes them', async () => {
    expect(await terraform('apply', '-auto-approve')).to.match(/14 added, 0 changed, 0 destroyed/);
    writeFileSync(join(folder, 'main.tf'), configuration(at.url, 'blue'));
    // What it had made is as it had made it: only what the new configuration says anew is changed.
    expect(await terraform('apply', '-auto-approve')).to.match(/0 added, 6 changed, 0 destroyed/);
    expect(await terraform('destroy', '-auto-approve')).to.match(/14 destroyed/);
  });
});

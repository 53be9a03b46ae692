import { z } from 'zod';
import { text } from '../input.ts';

/** Members as the STS service model gives them. AWS Query has strings alone, and an empty list is an empty string. */

const name = /^[\w+=,.@-]*$/;

/** @param min in seconds, as `max` */
const seconds = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d{1,9}$/, { abort: true })
    .transform(Number)
    .pipe(z.int().min(min).max(max));

function list<T extends z.ZodType>(item: T, max: number) {
  return z.preprocess((value) => (value === '' ? [] : value), z.array(item).max(max));
}

export const members = {
  roleArn: text(20, 2048),
  roleSessionName: text(2, 64).regex(name),
  sourceIdentity: text(2, 64).regex(name),
  externalId: text(2, 1224).regex(/^[\w+=,.@:/-]*$/),
  policy: text(1, 2048),
  policyArns: list(z.strictObject({ arn: text(20, 2048) }), 10),
  tags: list(z.strictObject({ Key: text(1, 128), Value: text(0, 256) }), 50),
  transitiveTagKeys: list(text(1, 128), 50),
  accessKeyId: text(16, 128).regex(/^\w*$/),
  roleDuration: seconds(900, 43_200),
  tokenDuration: seconds(900, 129_600),
};

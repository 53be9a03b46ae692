import { z } from 'zod';
import { LookupError, lookupKeys } from '../../audit/lookup.ts';
import { KmsError } from '../../errors.ts';
import { text } from '../input.ts';
import { defineOperation } from '../operation.ts';

const attribute = z.strictObject({ AttributeKey: z.enum(lookupKeys), AttributeValue: text(1, 2_000) });

/** Seconds since the epoch, as AWS JSON 1.1 has timestamps. */
const time = z.number();

/** The caller's account's events, newest first (AWS CloudTrail API reference, LookupEvents). */
export const lookupEvents = defineOperation({
  service: 'cloudtrail',
  name: 'LookupEvents',
  readOnly: true,
  input: z.strictObject({
    LookupAttributes: z.array(attribute).optional(),
    StartTime: time.optional(),
    EndTime: time.optional(),
    EventCategory: z.enum(['insight']).optional(),
    MaxResults: z.int().optional(),
    NextToken: text(1, 2_000).optional(),
  }),
  plan: (input, { scope }, services) => ({
    subjects: [{ type: 'account', action: 'cloudtrail:LookupEvents' }],
    async run() {
      const { LookupAttributes = [], StartTime, EndTime, EventCategory, MaxResults = 50, NextToken } = input;
      if (EventCategory !== undefined) {
        throw new KmsError(
          'UnsupportedOperationException',
          'LookupEvents does not support the member EventCategory.',
        );
      }
      const [first, second] = LookupAttributes;
      if (second !== undefined) {
        throw new KmsError('InvalidLookupAttributesException', 'Only one lookup attribute may be given.');
      }
      try {
        const { events, nextToken } = await services.events.lookupEvents({
          ...scope,
          ...(first && { attribute: { key: first.AttributeKey, value: first.AttributeValue } }),
          ...(StartTime !== undefined && { startTime: StartTime * 1_000 }),
          ...(EndTime !== undefined && { endTime: EndTime * 1_000 }),
          maxResults: MaxResults,
          ...(NextToken !== undefined && { nextToken: NextToken }),
        });
        return {
          type: 'answer',
          output: { Events: events, ...(nextToken !== undefined && { NextToken: nextToken }) },
        };
      } catch (cause) {
        if (cause instanceof LookupError) throw new KmsError(cause.code, cause.message);
        throw cause;
      }
    },
  }),
});

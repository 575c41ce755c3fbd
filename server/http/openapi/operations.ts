import { z } from "zod";
import { subjectBody } from "../admin-router.ts";
import { enrolmentBody } from "../enrolments-router.ts";
import { callEndedBody, createSessionBody, flatSessionBody, loopBody } from "../session-schemas.ts";
import * as answers from "./answer-schemas.ts";

/** One operation of the gateway's HTTP interface, as it is published. */
export interface Operation {
  method: "get" | "post" | "delete";
  path: string;
  id: string;
  tag: "Sessions" | "Flat façade" | "Devices" | "Administration" | "Operations";
  summary: string;
  description?: string;
  /** Scope of the API key; absent: no key. */
  scope?: "sessions" | "admin" | "metrics";
  body?: { schema: z.ZodType; mediaTypes?: string[]; required?: boolean };
  query?: Record<string, { schema: z.ZodType; description: string; required?: boolean }>;
  headers?: Record<string, { schema: z.ZodType; description: string }>;
  answers: Record<number, { description: string; schema?: z.ZodType; mediaType?: string }>;
  problems: number[];
}

const wait = {
  query: {
    wait: {
      schema: z.int().min(0),
      description: "long poll: seconds to wait for the end, clamped to the platform's cap",
    },
  },
  headers: { Prefer: { schema: z.string(), description: "the same as a preference, RFC 7240: wait=N" } },
};
const statusAnswer = { 200: { description: "the status document", schema: answers.statusDocument } };
const caller = [401, 403, 429, 503];

export const operations: Operation[] = [
  {
    method: "post",
    path: "/scramble/caller/v1/sessions",
    id: "createSession",
    tag: "Sessions",
    summary: "Open the session of a live call, or get the one that it has",
    description: "Idempotent for tenant, provider and call id, however many requests race.",
    scope: "sessions",
    body: { schema: createSessionBody },
    answers: {
      201: { description: "created", schema: answers.createdSession },
      200: { description: "the call's session as it stands", schema: answers.createdSession },
    },
    problems: [400, 409, 413, 415, ...caller],
  },
  {
    method: "get",
    path: "/scramble/caller/v1/sessions/{sessionId}",
    id: "getSession",
    tag: "Sessions",
    summary: "Read a session, or wait for its end",
    scope: "sessions",
    ...wait,
    answers: statusAnswer,
    problems: [400, 404, ...caller],
  },
  {
    method: "get",
    path: "/scramble/caller/v1/calls/{provider}/{callId}",
    id: "getLatestSessionOfCall",
    tag: "Sessions",
    summary: "Read the latest session of a call, or wait for its end",
    scope: "sessions",
    ...wait,
    answers: statusAnswer,
    problems: [400, 404, ...caller],
  },
  {
    method: "post",
    path: "/scramble/caller/v1/sessions/{sessionId}/cancel",
    id: "cancelSession",
    tag: "Sessions",
    summary: "Cancel a pending session; another terminal state stays",
    scope: "sessions",
    answers: statusAnswer,
    problems: [400, 404, ...caller],
  },
  {
    method: "post",
    path: "/scramble/caller/v1/sessions/{sessionId}/loop",
    id: "advanceLoop",
    tag: "Sessions",
    summary: "Record one turn of the prompt loop and learn where the flow goes next",
    scope: "sessions",
    body: { schema: loopBody },
    answers: { 200: { description: "where the flow goes next", schema: answers.loopAnswer } },
    problems: [400, 404, 413, 415, ...caller],
  },
  {
    method: "post",
    path: "/scramble/caller/v1/sessions/{sessionId}/call-ended",
    id: "endCall",
    tag: "Sessions",
    summary: "Report the hang-up; a confirmation after it is late",
    scope: "sessions",
    body: { schema: callEndedBody, required: false },
    answers: statusAnswer,
    problems: [400, 404, 413, 415, ...caller],
  },
  {
    method: "get",
    path: "/scramble/caller/v1/verifications",
    id: "listVerifications",
    tag: "Sessions",
    summary: "Late verifications of a case, for tenants that keep them",
    scope: "sessions",
    query: { caseId: { schema: z.string(), description: "the session's metadata.crmCaseId", required: true } },
    answers: { 200: { description: "recently verified", schema: answers.verifications } },
    problems: [400, ...caller],
  },
  {
    method: "post",
    path: "/ivr/sessions",
    id: "createFlatSession",
    tag: "Flat façade",
    summary: "The same as createSession, flat, for contact-centre flow designers",
    description:
      "Give the call id as callId, contactId, conversationId or interactionId. Business outcomes are always 200. JSON is accepted under application/x-www-form-urlencoded as well.",
    scope: "sessions",
    body: { schema: flatSessionBody, mediaTypes: ["application/json", "application/x-www-form-urlencoded"] },
    answers: { 200: { description: "the session", schema: answers.flatSession } },
    problems: [400, 413, 415, ...caller],
  },
  {
    method: "get",
    path: "/ivr/sessions/{sessionId}",
    id: "getFlatSession",
    tag: "Flat façade",
    summary: "The same as getSession, flat",
    scope: "sessions",
    ...wait,
    answers: { 200: { description: "the session", schema: answers.flatStatus } },
    problems: [400, 404, ...caller],
  },
  {
    method: "post",
    path: "/scramble/device/v1/enrollments",
    id: "enrolDevice",
    tag: "Devices",
    summary: "Enrol a device with an activation code and a key of its own",
    body: { schema: enrolmentBody },
    answers: { 201: { description: "enrolled", schema: answers.enrolment } },
    problems: [400, 401, 413, 415, 429, 503],
  },
  {
    method: "post",
    path: "/admin/v1/subjects",
    id: "createSubject",
    tag: "Administration",
    summary: "Create a person, or update the numbers of one",
    scope: "admin",
    body: { schema: subjectBody },
    answers: { 201: { description: "the subject", schema: answers.subject } },
    problems: [400, 401, 403, 413, 415, 503],
  },
  {
    method: "post",
    path: "/admin/v1/subjects/{subjectId}/activation-codes",
    id: "createActivationCode",
    tag: "Administration",
    summary: "Make a single-use code that enrols one device of a person",
    scope: "admin",
    answers: { 201: { description: "the code, shown once", schema: answers.activation } },
    problems: [400, 401, 403, 404, 503],
  },
  {
    method: "get",
    path: "/admin/v1/subjects/{subjectId}/devices",
    id: "listDevices",
    tag: "Administration",
    summary: "List the devices of a person",
    scope: "admin",
    answers: { 200: { description: "the devices, oldest first", schema: answers.devices } },
    problems: [401, 403, 404, 503],
  },
  {
    method: "delete",
    path: "/admin/v1/devices/{deviceId}",
    id: "revokeDevice",
    tag: "Administration",
    summary: "Revoke a device for good and disconnect its sockets",
    scope: "admin",
    answers: { 204: { description: "revoked" } },
    problems: [401, 403, 404, 503],
  },
  {
    method: "get",
    path: "/admin/v1/events",
    id: "listEvents",
    tag: "Administration",
    summary: "Read the tenant's events, oldest first",
    scope: "admin",
    query: {
      after: { schema: z.string(), description: "an event id: what came after it" },
      limit: { schema: z.int().min(1).max(1000), description: "default 100" },
    },
    answers: { 200: { description: "a page of events", schema: answers.events } },
    problems: [400, 401, 403, 503],
  },
  {
    method: "get",
    path: "/admin/v1/stats",
    id: "getStats",
    tag: "Administration",
    summary: "Figures of the tenant's verifications over a window",
    scope: "admin",
    query: { window: { schema: z.int().min(1).max(604_800), description: "seconds back from now, default 3600" } },
    answers: { 200: { description: "figures; null where there is no case", schema: answers.stats } },
    problems: [400, 401, 403, 503],
  },
  {
    method: "get",
    path: "/healthz",
    id: "getHealth",
    tag: "Operations",
    summary: "Whether the process lives",
    answers: { 200: { description: "it does", schema: answers.health } },
    problems: [],
  },
  {
    method: "get",
    path: "/readyz",
    id: "getReadiness",
    tag: "Operations",
    summary: "Whether it should get traffic, and which part is in the way",
    answers: {
      200: { description: "ready", schema: answers.readiness },
      503: { description: "not ready", schema: answers.readiness },
    },
    problems: [],
  },
  {
    method: "get",
    path: "/metrics",
    id: "getMetrics",
    tag: "Operations",
    summary: "Metrics in the Prometheus text format",
    scope: "metrics",
    answers: { 200: { description: "metrics", mediaType: "text/plain" } },
    problems: [401, 403],
  },
  {
    method: "get",
    path: "/.well-known/jwks.json",
    id: "getKeys",
    tag: "Operations",
    summary: "Public keys of receipts and challenges",
    answers: { 200: { description: "JWKS, RFC 7517", schema: answers.jwks } },
    problems: [],
  },
];

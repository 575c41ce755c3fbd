import { CallsealSdkError } from "../../client-sdk/src/device/index.ts";

/** The SDK error that the work ends with; anything else fails the test. */
export async function catchError(work: Promise<unknown> | (() => unknown)): Promise<CallsealSdkError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error instanceof CallsealSdkError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

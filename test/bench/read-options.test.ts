import { describe, expect, test } from "vitest";
import { figureIds } from "../../bench/figure.ts";
import { plans } from "../../bench/plan.ts";
import { readOptions } from "../../bench/read-options.ts";

describe("the command line of the benchmark", () => {
  test("measures every figure in full by default", () => {
    expect(readOptions([])).toMatchObject({ help: false, only: figureIds, plan: { name: "full" } });
  });

  test("takes a plan, single figures and a folder", () => {
    const options = readOptions(["--quick", "--only", "p5,P1", "--out", "somewhere"]);
    expect(options).toMatchObject({ plan: { name: "quick" }, only: ["P1", "P5"], out: "somewhere" });
  });

  test("takes how many sockets there are to be", () => {
    const { plan } = readOptions(["--quick", "--sockets", "50000"])!;
    expect(plan.sockets).toEqual({ ...plans.quick.sockets, count: 50_000 });
  });

  test("asks for help", () => {
    expect(readOptions(["--help"])?.help).toBe(true);
  });

  test.each([
    [["--only", "P12"]],
    [["--sockets", "0"]],
    [["--sockets", "many"]],
    [["--only", "P1,,P2"]],
    [["--only", ""]],
    [["--only"]],
    [["--out"]],
    [["--fast"]],
    [["P1"]],
    [["--patience", "-1"]],
    [["--patience", "1e9"]],
    [["--patience", "ten"]],
    [["--quick", "--smoke"]],
    [["--quick=yes"]],
    [["--only", "P1,P1,P99"]],
  ])("refuses %j", (attacker) => {
    expect(readOptions(attacker)).toBeUndefined();
  });
});

import { probeKernel } from "../../kernel/index.ts";
import type { CinchContext } from "../context.ts";
import { conclude, machineFeatures } from "../doctor.ts";
import { doctorDocument } from "../documents.ts";
import { engineFeatures } from "../engines.ts";
import { EXIT } from "../failure.ts";
import { FORMATS } from "../formats.ts";
import { doctorText } from "../reports/doctor.ts";
import { Session, jsonText } from "../session.ts";
import type { DoctorFlags } from "../tree.ts";

export default async function doctor(this: CinchContext, flags: DoctorFlags): Promise<void> {
  using session = new Session(this, flags, FORMATS.json);
  const found = conclude([...machineFeatures(), ...probeKernel(), ...(await engineFeatures())]);
  session.write(() => jsonText(doctorDocument(found)));
  session.summary(doctorText(found, session.paint));
  if (!found.ok) this.outcome = EXIT.cannotRunHere;
}

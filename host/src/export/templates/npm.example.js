import { load } from "{{package}}";

const classifier = await load();
const { label, probability, words, unknown, rejected } = classifier.classify(process.argv[2] ?? "slow, but superb");
console.log(rejected ? "?" : label, probability, `${unknown} of ${words} words unknown`);

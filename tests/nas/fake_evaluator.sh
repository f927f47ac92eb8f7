#!/bin/sh
# Stands in for `spikeloop evaluate DIR...`: makes up results from the genotype's operations alone, crashes on some
# genotypes, and takes its time unevenly, so that jobs end out of order. "evaluated" counts its runs.
# FAKE_KILL=once: each job is killed at its first start; FAKE_KILL=STAGE: each one of this stage always.
# FAKE_FINAL=crash or big: what becomes of final trainings.
shift # evaluate
value() { sed -n "s/^ *\"$1\": \"\(.*\)\",*$/\1/p" job.json; }
count() { printf %s "$genotype" | tr -dc "$1" | wc -c; }
for folder in "$@"; do
  cd "$folder" || exit 1
  sha=$(value sha256) stage=$(value stage) genotype=$(value genotype)
  convolutions=$(count 23) threes=$(count 3) ones=$(count 1) fours=$(count 4)
  echo "$stage $genotype" >> evaluated
  sleep "0.0$((9 - (convolutions + fours) % 10))"
  [ "$stage" = score ] && [ "$fours" -ge 4 ] && kill -SEGV $$
  if [ "${FAKE_KILL:-}" = once ] && [ ! -e killed ]; then
    touch killed
    kill -KILL $$
  fi
  [ "${FAKE_KILL:-}" = "$stage" ] && kill -KILL $$
  [ "${FAKE_FINAL:-}" = crash ] && [ "$stage" = final ] && kill -SEGV $$
  energy=$((threes * 2 + ones + 1))
  [ "$stage" = provisional ] || energy=$((energy + fours * 8))
  [ "${FAKE_FINAL:-}" = big ] && [ "$stage" = final ] && energy=99
  {
    printf '{"format": "spikeloop.result", "version": 1, "job_sha256": "%s", ' "$sha"
    case $stage in
      score)
        printf '"score": %d.5, "scores": {"lif_modules": %d, "convolutions": %d, "firing_rate": 0.125}}' \
          $((convolutions * 3 - fours)) $((convolutions + 3)) "$convolutions"
        ;;
      *)
        for file in network.nir trace.h5 measurement.json checkpoint.pt; do echo "$genotype" > $file; done
        printf '"accuracy": 0.%d%d, "costs": {"memory_bytes": 10, "area_um2": 20, ' \
          $((convolutions % 10)) $((threes % 10))
        printf '"latency_ns": %d00000000, "energy_pj": %d00000000000000}}' $((threes + 1)) "$energy"
        ;;
    esac
  } > result.part
  mv result.part result.json
done

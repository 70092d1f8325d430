#include "server/json/doctor_json.hpp"

#include <algorithm>

#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

using Verdict = token::Finding::Verdict;

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::warn: return "warn";
    case Verdict::wrong: break;
  }
  return "wrong";
}

}  // namespace

std::string findings_json(std::span<const token::Finding> findings) {
  std::string list = "[";
  for (const auto& finding : findings) {
    if (list.size() > 1) list += ',';
    list += JsonOut()
                .text("id", finding.id)
                .text("verdict", verdict_name(finding.verdict))
                .text("text", finding.text)
                .text_if("cure", finding.cure)
                .done();
  }
  return list + ']';
}

bool all_good(std::span<const token::Finding> findings) {
  return std::none_of(findings.begin(), findings.end(), [](const auto& f) { return f.verdict == Verdict::wrong; });
}

}  // namespace gatecast::server

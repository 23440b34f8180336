#include "agent/gateway/exposition.h"

#include "prometheus/text_serializer.h"

namespace bpa::gateway {

void Exposition::Family::Add(double value, Labels labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label.reserve(labels.size());
  for (const auto& [name, text] : labels) metric.label.push_back({name, std::string(text)});
  if (family_.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

Exposition::Family Exposition::Gauge(const char* name, const char* help) {
  return Begin(name, help, prometheus::MetricType::Gauge);
}

Exposition::Family Exposition::Counter(const char* name, const char* help) {
  return Begin(name, help, prometheus::MetricType::Counter);
}

Exposition::Family Exposition::Begin(const char* name, const char* help,
                                     prometheus::MetricType type) {
  if (!families_.empty() && families_.back().metric.empty()) families_.pop_back();
  return Family(
      families_.emplace_back(prometheus::MetricFamily{.name = name, .help = help, .type = type}));
}

std::string Exposition::Render() const {
  if (families_.empty() || !families_.back().metric.empty()) {
    return prometheus::TextSerializer().Serialize(families_);
  }
  return prometheus::TextSerializer().Serialize(
      std::vector<prometheus::MetricFamily>(families_.begin(), families_.end() - 1));
}

}  // namespace bpa::gateway

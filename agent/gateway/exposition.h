// A page of metrics in the making.
#ifndef BPA_AGENT_GATEWAY_EXPOSITION_H_
#define BPA_AGENT_GATEWAY_EXPOSITION_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prometheus/metric_family.h"

namespace bpa::gateway {

// Made anew for each scrape from what is known then, so that nothing is kept in between: a registry
// of prometheus-cpp would hold each series for ever.
class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<const char*, std::string_view>>;

  // One metric, with its series. `help` says what it means, in one line.
  class Family {
   public:
    void Add(double value, Labels labels = {});

   private:
    friend class Exposition;
    explicit Family(prometheus::MetricFamily& family) : family_(family) {}
    prometheus::MetricFamily& family_;
  };

  // Each is good until the next one is begun. A counter's name ends in _total.
  Family Gauge(const char* name, const char* help);
  Family Counter(const char* name, const char* help);

  // Prometheus' text format 0.0.4, without families that have no series.
  std::string Render() const;

 private:
  Family Begin(const char* name, const char* help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_EXPOSITION_H_

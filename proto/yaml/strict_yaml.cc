#include "proto/yaml/strict_yaml.h"

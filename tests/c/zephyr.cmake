# Says what an exported module asks of Zephyr.
foreach(function library_named library_sources include_directories library_import)
  cmake_language(EVAL CODE "function(zephyr_${function})\n message(NOTICE \"${function} \${ARGN}\")\n endfunction()")
endforeach()
include(${FOLDER}/CMakeLists.txt)

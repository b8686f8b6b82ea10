# Two repairs of the Python and NumPy include folders that generated message packages export. Both matter only with the
# wheels from PyPI; on an apt or conda ROS 2 they find nothing to change.

# The message packages on PyPI name folders of the machine that built them, and CMake refuses targets with include
# folders that do not exist. Nothing is missing without them: the generator adds those of the Python it found here.
function(drop_missing_include_dirs)
  get_property(targets DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    if(NOT target MATCHES "__rosidl_generator_py$")
      continue()
    endif()
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT folders)
      continue()
    endif()
    set(existing "")
    foreach(folder IN LISTS folders)
      # A generator expression has no folder to look at; CMake checks what it turns into.
      if(folder MATCHES "^\\$<" OR EXISTS "${folder}")
        list(APPEND existing "${folder}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${existing}")
  endforeach()
endfunction()

# CMake also refuses to export a target with include folders inside the source tree, where a virtual environment in the
# checkout puts NumPy's. They are needed to build, and no user of the installed messages needs them.
function(keep_source_dirs_out_of_export target)
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  set(exportable "")
  foreach(folder IN LISTS folders)
    string(FIND "${folder}" "${CMAKE_CURRENT_SOURCE_DIR}/" position)
    if(position EQUAL 0)
      list(APPEND exportable "$<BUILD_INTERFACE:${folder}>")
    elseif(folder)
      list(APPEND exportable "${folder}")
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${exportable}")
endfunction()
